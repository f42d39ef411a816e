import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { durationText, type RequestFacts, type SourceFacts } from "@patchbay/model";
import type { LimitStateSchema } from "@patchbay/proto/mesh/common/v1/limit_pb";
import {
  type Inbound,
  InboundSchema,
  type RateLimit,
  type RateLimitPolicy,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { naming, refuseUndecidedPlugin } from "../authorization/authorization-policy.ts";
import { createRuleIndex } from "../authorization/rule-index.ts";
import { compileRule, type RuleMatch } from "../authorization/rule-match.ts";
import { inOrder, policyName } from "../policy-name.ts";
import { RuleError } from "../rule-error.ts";
import { refuseUnknown } from "../unknown-part.ts";
import { type KeyReader, keyReader } from "./limit-key.ts";

/** A limit that counts a request, with the bucket that it counts in. */
export interface MatchedLimit {
  readonly policy: RateLimitPolicy;
  readonly limit: RateLimit;
  /** Values of the limit's `by`, in its order. */
  readonly key: readonly string[];
  /** The same for everything that shares a bucket, and for nothing else. */
  readonly id: string;
}

/** The rate limits of one workload. */
export interface Limits {
  readonly size: number;
  /** Some limit compares paths or counts by route, so paths that servers read differently have to be refused. */
  readonly usesPaths: boolean;
  /** In order of their names. */
  matching(facts: RequestFacts): readonly MatchedLimit[];
  /** For an opaque (TCP) connection: the first policy that might limit its requests. */
  connection(source: SourceFacts): RateLimitPolicy | undefined;
  explain(facts: RequestFacts): MessageInitShape<typeof LimitStateSchema>[];
}

interface CompiledLimit {
  readonly policy: RateLimitPolicy;
  readonly limit: RateLimit;
  readonly rank: number;
  readonly prefix: string;
  readonly match: RuleMatch;
  readonly keyOf: KeyReader;
}

const NONE: readonly never[] = [];

/** Throws RuleError when something cannot be enforced. */
export function compileLimits(inbound: Inbound): Limits {
  refuseUnknown(InboundSchema, inbound);
  const limits = compileAll(inbound.rateLimits);
  const index = createRuleIndex(
    limits.map((value) => ({ from: value.limit.from, to: value.limit.to, effect: "restricts" as const, value })),
  );
  return {
    size: limits.length,
    usesPaths: limits.some(({ limit, match }) => match.usesPath || limit.by.includes("route")),
    matching(facts) {
      if (limits.length === 0) return NONE;
      const found: CompiledLimit[] = [];
      index.candidates(facts, (candidate) => {
        if (!found.includes(candidate) && candidate.match.holds(facts)) found.push(candidate);
      });
      if (found.length > 1) found.sort((a, b) => a.rank - b.rank);
      return found.map((limit) => matched(limit, facts));
    },
    connection: (source) => limits.find(({ match }) => match.holdsForConnection(source))?.policy,
    explain: (facts) => limits.map((limit) => explanation(limit, facts)),
  };
}

function compileAll(policies: readonly RateLimitPolicy[]): readonly CompiledLimit[] {
  const pairs = inOrder(policies).flatMap((policy) => policy.limits.map((limit) => ({ policy, limit })));
  return pairs.map(({ policy, limit }, rank) =>
    naming(`${policyName(policy.ref)} limit ${limit.name}`, () => {
      if (policy.plugin !== undefined) refuseUndecidedPlugin(policy.plugin);
      if (limit.requests < 1 || limit.per === undefined || durationMs(limit.per) <= 0)
        throw new RuleError("cannot enforce a limit of no requests or per no time");
      const prefix = `${policy.ref?.namespace ?? ""}/${policy.ref?.name ?? ""}/${limit.name}`;
      return { policy, limit, rank, prefix, match: compileRule(limit, "restricts"), keyOf: keyReader(limit.by) };
    }),
  );
}

function matched({ policy, limit, prefix, keyOf }: CompiledLimit, facts: RequestFacts): MatchedLimit {
  const key = keyOf(facts);
  // No value holds this character: HTTP does not allow it.
  return { policy, limit, key, id: key.length === 0 ? prefix : `${prefix}\0${key.join("\0")}` };
}

function explanation(
  { policy, limit, match, keyOf }: CompiledLimit,
  facts: RequestFacts,
): MessageInitShape<typeof LimitStateSchema> {
  const holds = match.holds(facts);
  const rate = `${limit.requests} per ${durationText(limit.per === undefined ? 0 : durationMs(limit.per))}`;
  return {
    ...(policy.ref && { ref: policy.ref }),
    limit: limit.name,
    matched: holds,
    why: holds
      ? `counts, ${rate}${limit.by.length > 0 ? ` for each ${limit.by.join(" and ")}` : ""}`
      : match.why(facts),
    key: holds ? [...keyOf(facts)] : [],
  };
}
