import { create } from "@bufbuild/protobuf";
import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { type RateLimitPolicy, RateLimitPolicySchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileLimits } from "@patchbay/rules";
import { checkDuration, durationOf, durationSchema } from "../duration.ts";
import { checkHeaderName } from "../header-names.ts";
import { atServers } from "../in-force.ts";
import { type Compiled, type CompiledPolicy, OWN_API, type PolicyKind, type Surroundings } from "../policy-kind.ts";
import { checkEach, checkUnique, type Path, problem, type SpecProblem } from "../problem.ts";
import type { PolicyResource } from "../resource.ts";
import { label, list, object, text } from "../schema.ts";
import { more, short } from "../summary-text.ts";
import { missingPlugin, missingWorkloads } from "../warnings.ts";
import { type Condition, checkCondition, conditionSchema, encodeCondition } from "./condition.ts";
import { enforceable, inboundOf } from "./enforceable.ts";
import { checkPlugin, encodePlugin, type PluginSpec, pluginSchema } from "./plugin-ref.ts";
import { checkServiceRef, type ServiceRef, targetKeys, targetRefsSchema } from "./targets.ts";

/** How often. */
interface RateLimitPolicySpec {
  /** Services of the policy's namespace; absent: all of them. */
  readonly targetRefs?: readonly ServiceRef[];
  readonly limits: readonly LimitSpec[];
  /** Shares the limits out among all proxies; absent: each proxy has separate buckets. */
  readonly plugin?: PluginSpec;
}

interface LimitSpec extends Condition {
  readonly name: string;
  /** "source", "route", "method" or "header:NAME"; absent: one bucket for all. */
  readonly by?: readonly string[];
  readonly requests: number;
  readonly per: string;
  /** Default: as many as `requests`. */
  readonly burst?: number;
}

const count = { type: "integer", minimum: 1, maximum: 1_000_000_000 };

const schema = object(
  {
    targetRefs: targetRefsSchema,
    limits: list(
      object(
        { ...conditionSchema, name: label, by: list(text(300), 4), requests: count, per: durationSchema, burst: count },
        ["name", "requests", "per"],
      ),
      16,
    ),
    plugin: pluginSchema,
  },
  ["limits"],
);

function check(spec: RateLimitPolicySpec): readonly SpecProblem[] {
  const found = [
    ...checkEach(spec.targetRefs, ["targetRefs"], checkServiceRef),
    ...checkUnique(spec.limits, ["limits"], ({ name }) => name),
    ...checkEach(spec.limits, ["limits"], checkLimit),
    ...checkPlugin(spec.plugin, ["plugin"]),
  ];
  if (found.length > 0) return found;
  const rateLimits = [encode(spec)];
  return enforceable(() => compileLimits(inboundOf({ rateLimits })));
}

function checkLimit(limit: LimitSpec, path: Path): readonly SpecProblem[] {
  return [
    ...checkCondition(limit, path),
    ...checkDuration(limit.per, [...path, "per"], { leastMs: 1 }),
    ...checkEach(limit.by, [...path, "by"], checkBy),
    ...checkUnique(limit.by, [...path, "by"], (by) => by.toLowerCase()),
  ];
}

const ATTRIBUTES = new Set(["source", "route", "method"]);

function checkBy(by: string, path: Path): readonly SpecProblem[] {
  if (ATTRIBUTES.has(by)) return [];
  if (by.startsWith("header:")) return checkHeaderName(by.slice("header:".length), path);
  return [problem(path, `${JSON.stringify(by)} is nothing to count by`, 'source, route, method or "header:x-tenant"')];
}

/** A checked spec in the snapshot's form. */
function encode({ limits, plugin }: RateLimitPolicySpec, ref?: PolicyRef): RateLimitPolicy {
  return create(RateLimitPolicySchema, {
    ...(ref ? { ref } : {}),
    limits: limits.map((limit) => {
      const per = durationOf(limit.per);
      return {
        ...encodeCondition(limit),
        name: limit.name,
        by: (limit.by ?? []).map((by) => (by.startsWith("header:") ? by.toLowerCase() : by)),
        requests: limit.requests,
        ...(per ? { per } : {}),
        burst: limit.burst ?? 0,
      };
    }),
    ...(plugin ? { plugin: encodePlugin(plugin) } : {}),
  });
}

function compile({ metadata, spec }: PolicyResource<RateLimitPolicySpec>, ref: PolicyRef): Compiled {
  return {
    part: { rateLimit: encode(spec, ref) },
    inbound: targetKeys(spec.targetRefs, metadata.namespace),
    outbound: [],
  };
}

function summarise({ limits, plugin }: RateLimitPolicySpec): string {
  const [first] = limits.map(({ requests, per, by = [] }) => {
    const each = by.length === 0 ? "" : ` by ${by.join(" and ")}`;
    return `${requests} requests per ${per}${each}`;
  });
  return short(`${first}${plugin ? `, shared out by ${plugin.name}` : ""}`) + more(limits.length - 1, "limit");
}

function warn(compiled: CompiledPolicy, { known }: Surroundings): readonly string[] {
  return [...missingWorkloads(compiled, known), ...missingPlugin(compiled.part.rateLimit?.plugin, "ratelimit", known)];
}

export const rateLimitPolicy: PolicyKind<RateLimitPolicySpec> = {
  kind: "RateLimitPolicy",
  apiVersion: OWN_API,
  schema,
  check,
  compile,
  summarise,
  warn,
  inForce: atServers,
};
