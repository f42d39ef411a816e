import { type Authority, normalizePath, requestFacts, type SourceFacts, type TargetFacts } from "@patchbay/model";
import { MatchType, type Outbound, type RouteMatch, type RouteRule } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileRoutes } from "@patchbay/rules";
import { RETRY_BUDGET, type RetryBudgetShape } from "../balancing/retry-budget.ts";
import type { RequestHead } from "../http/request-head.ts";
import { compileRouteAction, type RouteAction } from "./route-action.ts";
import { milliseconds } from "./route-duration.ts";

/** What the rules of a target say to one request. */
export type RouteMatchResult =
  /** Nothing: it goes to the target as if there were no rules. */
  | undefined
  /** There are rules, and none is for it. */
  | "unmatched"
  | { readonly rule: RouteAction /** The path as it was looked at, with its query. */; readonly path: string };

/** The rules of one target, ready to decide by. */
export interface TargetRules {
  readonly outbound: Outbound;
  /** Authorities of backends and mirrors, in any spelling. */
  readonly authorities: readonly string[];
  readonly retryBudget: RetryBudgetShape;
  /** Undefined as head: an opaque connection. Only a rule without conditions applies to those, and a lack of one is no refusal. */
  rule(authority: Authority, head: RequestHead | undefined): RouteMatchResult;
}

/**
 * Makes rules ready. Undefined: there are none, so that requests need not be looked at.
 *
 * @throws Error with a sentence for people when the rules have a part that cannot be followed.
 */
export function compileTargetRules(outbound: Outbound, source: SourceFacts): TargetRules | undefined {
  if (outbound.rules.length === 0) return undefined;
  const table = compileRoutes(outbound);
  const compiled = new Map<RouteRule, RouteAction>(outbound.rules.map((rule) => [rule, compileRouteAction(rule)]));
  return {
    outbound,
    authorities: [
      ...new Set(outbound.rules.flatMap((rule) => [...rule.backends, ...rule.mirrors]).map((each) => each.authority)),
    ],
    retryBudget: retryBudgetOf(outbound),
    rule(authority, head) {
      if (head === undefined) return unconditional(outbound, authority.port, compiled);
      const { port } = authority;
      const target = targetOf(authority);
      const match = table.match(requestFacts(head, { version: 1, port, source, target, direction: "outbound" }));
      if (match.kind === "none") return undefined;
      const rule = match.kind === "rule" ? compiled.get(match.rule) : undefined;
      return rule === undefined ? "unmatched" : { rule, path: normalizePath(head.path).path };
    },
  };
}

function targetOf({ service, shortHost }: Authority): TargetFacts {
  return { namespace: service?.namespace ?? "", service: service?.name ?? shortHost };
}

/** The first rule that asks for nothing. */
function unconditional(
  outbound: Outbound,
  port: number,
  compiled: ReadonlyMap<RouteRule, RouteAction>,
): RouteMatchResult {
  const match = outbound.matches.find((candidate) => asksNothing(candidate, port));
  const source = match === undefined ? undefined : outbound.rules[match.rule];
  const rule = source === undefined ? undefined : compiled.get(source);
  return rule === undefined ? undefined : { rule, path: "" };
}

function asksNothing(match: RouteMatch, port: number): boolean {
  const { path, headers, queryParams, method, grpc } = match;
  // What every path begins with is what Gateway API writes where nothing is asked.
  const everyPath = path === undefined || (path.type === MatchType.PATH_PREFIX && path.value === "/");
  return (
    everyPath &&
    headers.length === 0 &&
    queryParams.length === 0 &&
    method === "" &&
    !grpc &&
    (match.port === 0 || match.port === port)
  );
}

/** In the shape that the proxy counts by; the default where nothing is said. */
export function retryBudgetOf({ retryBudget }: Outbound): RetryBudgetShape {
  if (retryBudget === undefined) return RETRY_BUDGET;
  const perMs = milliseconds(retryBudget.minInterval);
  const windowMs = milliseconds(retryBudget.interval);
  return {
    ratio: retryBudget.percent / 100,
    minPerSecond: (retryBudget.minCount * 1_000) / (perMs === 0 ? 1_000 : perMs),
    windowMs: windowMs === 0 ? RETRY_BUDGET.windowMs : windowMs,
  };
}
