import { create } from "@bufbuild/protobuf";
import {
  type AuthorizationPolicy,
  DefaultAction,
  type Inbound,
  InboundSchema,
  type RateLimitPolicy,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { RuleError } from "@patchbay/rules";
import { type Path, problem, type SpecProblem } from "../problem.ts";

/** Compiles a rule as a proxy would, so that the author sees the error and not every proxy. */
export function enforceable(compile: () => unknown, path: Path = []): readonly SpecProblem[] {
  try {
    compile();
    return [];
  } catch (error) {
    if (error instanceof RuleError) return [problem(path, `cannot be enforced: ${error.message}`)];
    throw error;
  }
}

/** A proxy's inbound rules with nothing in them but these. */
export function inboundOf(some: { authorization?: AuthorizationPolicy[]; rateLimits?: RateLimitPolicy[] }): Inbound {
  return create(InboundSchema, { defaultAction: DefaultAction.ALLOW, ...some });
}
