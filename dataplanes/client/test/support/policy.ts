import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import type { AuthorizeRequest, AuthorizeResponseSchema } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import type { LeaseResponseSchema } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import { type LeaseRequest, Policy, type WatchRequest } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import {
  AuthorizationAction,
  type AuthorizationPolicySchema,
  DefaultAction,
  type Snapshot,
  SnapshotSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { RunningServer } from "@patchbay/runtime";
import { serveCore } from "./core-server.ts";

type PolicyInit = MessageInitShape<typeof AuthorizationPolicySchema>;

/** A snapshot for "default/users". */
export function snapshotOf(version: string, inbound: MessageInitShape<typeof SnapshotSchema>["inbound"]): Snapshot {
  return create(SnapshotSchema, {
    version,
    workload: "default/users",
    ...(inbound === undefined ? {} : { inbound }),
  });
}

export const ALLOW_ALL = { defaultAction: DefaultAction.ALLOW };

export function deny(name: string, rules: PolicyInit["rules"] = []): PolicyInit {
  return { ref: { kind: "AuthorizationPolicy", namespace: "default", name }, action: AuthorizationAction.DENY, rules };
}

export function allow(name: string, rules: PolicyInit["rules"] = []): PolicyInit {
  return { ref: { kind: "AuthorizationPolicy", namespace: "default", name }, action: AuthorizationAction.ALLOW, rules };
}

/** A policy service that says what a test tells it to say, and can die and come back on its port. */
export interface FakePolicy {
  readonly address: string;
  /** What proxies said, in order. */
  readonly said: WatchRequest["message"][];
  /** Sends it to all streams, now and when they open. */
  send(snapshot: Snapshot): void;
  die(): Promise<void>;
  comeBack(): Promise<void>;
  readonly hooks: {
    authorize: (request: AuthorizeRequest) => MessageInitShape<typeof AuthorizeResponseSchema>;
    lease: (request: LeaseRequest) => MessageInitShape<typeof LeaseResponseSchema>;
  };
}

export async function startPolicy(): Promise<FakePolicy> {
  const said: WatchRequest["message"][] = [];
  const listeners = new Set<() => void>();
  let current: Snapshot | undefined;
  const nobody = (): never => {
    throw new ConnectError("no instance of the plugin is ready", Code.Unavailable);
  };
  const hooks: FakePolicy["hooks"] = { authorize: nobody, lease: nobody };
  const routes = (router: ConnectRouter): void => {
    router.service(Policy, {
      async *watch(requests, { signal }) {
        void (async () => {
          for await (const { message } of requests) said.push(message);
        })().catch(() => undefined);
        let last: Snapshot | undefined;
        while (!signal.aborted) {
          if (current === undefined || current === last) {
            await change(listeners, signal);
            continue;
          }
          last = current;
          yield { snapshot: current };
        }
        throw new ConnectError("going away", Code.Unavailable);
      },
      authorize: (request) => hooks.authorize(request),
      lease: (request) => hooks.lease(request),
    });
  };
  let server: RunningServer = await serveCore(routes);
  const { address, port } = server;
  return {
    address,
    said,
    hooks,
    send(snapshot) {
      current = snapshot;
      for (const listener of listeners) listener();
    },
    die: () => server.stop(),
    async comeBack() {
      server = await serveCore(routes, port);
    },
  };
}

function change(listeners: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      listeners.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    listeners.add(done);
    signal.addEventListener("abort", done);
  });
}
