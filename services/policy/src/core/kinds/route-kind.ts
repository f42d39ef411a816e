import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { Retry, RouteMatch } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { atClients } from "../in-force.ts";
import { type Compiled, GATEWAY_API, type PolicyKind } from "../policy-kind.ts";
import { checkEach, type Path, type SpecProblem } from "../problem.ts";
import type { PolicyResource } from "../resource.ts";
import { more, short } from "../summary-text.ts";
import type { BackendSpec } from "./backends.ts";
import type { RetrySpec } from "./retry.ts";
import { checkRoute, encodeRule, parentsOf, type RouteSpec, type RuleSpec, routeSchema } from "./route.ts";
import { warnOfRoute } from "./route-warnings.ts";

/** A rule with the matches and retried statuses of one protocol. */
export interface ProtocolRule<Match, Code extends string | number> extends RuleSpec {
  readonly matches?: readonly Match[];
  readonly retry?: RetrySpec<Code>;
}

/** The parts of a route kind that depend on the protocol. */
export interface RouteKindOptions<Match, Code extends string | number> {
  readonly kind: string;
  readonly matchSchema: object;
  readonly retrySchema: object;
  checkMatch(match: Match, path: Path): readonly SpecProblem[];
  checkRetry(retry: RetrySpec<Code> | undefined, path: Path): readonly SpecProblem[];
  encodeMatch(match: Partial<Match>): RouteMatch;
  encodeRetry(retry: RetrySpec<Code> | undefined): Retry | undefined;
}

/** A kind of route of Gateway API. */
export function createRouteKind<Match, Code extends string | number>(
  options: RouteKindOptions<Match, Code>,
): PolicyKind<RouteSpec<ProtocolRule<Match, Code>>> {
  const { kind, checkMatch, checkRetry, encodeMatch, encodeRetry } = options;
  type Spec = RouteSpec<ProtocolRule<Match, Code>>;
  const compile = ({ spec: { parentRefs, rules = [{}] } }: PolicyResource<Spec>, ref: PolicyRef): Compiled => {
    const parents = parentsOf(parentRefs, ref.namespace);
    const compiled = rules.map(({ matches = [], ...rule }, index) => ({
      rule: encodeRule(rule, { ref, index, retry: encodeRetry(rule.retry) }),
      matches: (matches.length > 0 ? matches : [{}]).map((match: Partial<Match>) => encodeMatch(match)),
    }));
    return {
      part: { route: { parents, rules: compiled } },
      inbound: [],
      outbound: [...new Set(parents.map(({ service }) => service))],
    };
  };
  return {
    kind,
    apiVersion: GATEWAY_API,
    schema: routeSchema(options.matchSchema, options.retrySchema),
    check: (spec) =>
      checkRoute(spec, ({ matches, retry }, path) => [
        ...checkEach(matches, [...path, "matches"], checkMatch),
        ...checkRetry(retry, [...path, "retry"]),
      ]),
    compile,
    summarise: summariseRoute,
    warn: warnOfRoute,
    inForce: (compiled, world) =>
      atClients(compiled, world, ({ rules }) => rules.some(({ ref }) => ref === compiled.ref)),
  };
}

/** Summary in one line: the first rule. */
function summariseRoute({ rules = [{}] }: RouteSpec<RuleSpec>): string {
  const [first = ""] = rules.map(ruleText);
  return short(first === "" ? "matches, and changes nothing" : first) + more(rules.length - 1, "rule");
}

function ruleText({ backendRefs, timeouts, retry, filters = [] }: RuleSpec): string {
  const { request = "", backendRequest = "" } = timeouts ?? {};
  const parts = [
    split(backendRefs),
    request === "" ? "" : `timeout ${request}`,
    backendRequest === "" ? "" : `${backendRequest} for each try`,
    retry ? `${retry.attempts ?? 1} retries` : "",
    ...filters.map(({ type }) => type),
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function split(backends: readonly BackendSpec[] | undefined): string {
  if (!backends || backends.length === 0) return "";
  const total = backends.reduce((sum, { weight = 1 }) => sum + weight, 0);
  if (backends.length === 1 && total > 0) return `to ${backends[0]?.name}`;
  return backends
    .map(({ name, weight = 1 }) => `${total === 0 ? 0 : Math.round((weight / total) * 1_000) / 10} % ${name}`)
    .join(", ");
}
