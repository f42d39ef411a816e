import { create } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { type Registration, WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type RunningService, type StartServiceOptions, startService } from "@patchbay/testkit";
import { createPolicyApp } from "../../src/app.ts";

export interface RunningPolicy extends Omit<RunningService, "registry"> {
  /** Calls as an operator. */
  readonly client: Client<typeof Policy>;
  /** What the registry says. */
  registry(registrations: readonly Registration[], removed?: readonly string[]): void;
}

export interface PolicyOptions extends StartServiceOptions {
  readonly defaultAuthorization?: "allow" | "deny";
}

/** The service on a free port, with a registry that the test plays. */
export async function startPolicy(options: PolicyOptions = {}): Promise<RunningPolicy> {
  const environment = { MESH_DEFAULT_AUTHORIZATION: options.defaultAuthorization ?? "allow" };
  const service = await startService("policy", createPolicyApp, { ...options, environment });
  return {
    ...service,
    client: createClient(Policy, service.as({ kind: "operator" })),
    registry: (changed, removed = []) =>
      service.registry(create(WatchResponseSchema, { complete: true, changed: [...changed], removed: [...removed] })),
  };
}
