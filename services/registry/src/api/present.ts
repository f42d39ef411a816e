import { create } from "@bufbuild/protobuf";
import { Kind, type Registration, RegistrationSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { hookToken } from "@patchbay/wire";
import type { Proven } from "../core/announce/claim.ts";

/** A registration as a caller may see it: only core services get what they present when they call a plugin's hooks. */
export type Present = (registration: Registration, caller: Proven) => Registration;

export function createPresent(key: Uint8Array): Present {
  return (registration, caller) => {
    const { announce } = registration;
    if (caller.kind !== "core" || announce?.kind !== Kind.PLUGIN) return registration;
    return create(RegistrationSchema, { ...registration, hookToken: hookToken(key, announce) });
  };
}
