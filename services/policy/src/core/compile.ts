import { create } from "@bufbuild/protobuf";
import { PolicyRefSchema } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { KINDS } from "./kinds.ts";
import type { CompiledPolicy } from "./policy-kind.ts";
import type { PolicyResource } from "./resource.ts";

const BY_NAME = new Map(KINDS.map((kind) => [kind.kind, kind]));

/** Compiles a resource that has passed its kind's checks. */
export function compileResource(resource: PolicyResource): CompiledPolicy {
  const kind = BY_NAME.get(resource.kind);
  if (!kind) throw new Error(`${resource.kind} is none of the kinds that are read here`);
  const { namespace, name } = resource.metadata;
  const ref = create(PolicyRefSchema, { kind: kind.kind, namespace, name });
  return { kind, resource, ref, ...kind.compile(resource, ref) };
}
