import { create } from "@bufbuild/protobuf";
import { serviceKey } from "@patchbay/model";
import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  type Retry,
  type RouteMatch,
  type RouteRule,
  RouteRuleSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { checkDuration, durationMs, durationOf, durationSchema } from "../duration.ts";
import { checkEach, type Path, problem, type SpecProblem } from "../problem.ts";
import { anything, list, object, text } from "../schema.ts";
import { type BackendSpec, backendRefsSchema, checkBackend, encodeBackend } from "./backends.ts";
import { checkFilters, encodeMirrors, type FilterSpec, filtersSchema, headerChange } from "./filters.ts";
import type { RetrySpec } from "./retry.ts";
import { checkServiceRef, type ServiceRef, serviceRefSchema } from "./targets.ts";

/** What HTTPRoute and GRPCRoute have in common. */
export interface RouteSpec<Rule extends RuleSpec> {
  readonly parentRefs: readonly ParentRef[];
  readonly hostnames?: unknown;
  /** Default: one rule that matches everything. */
  readonly rules?: readonly Rule[];
}

export interface ParentRef extends ServiceRef {
  readonly sectionName?: unknown;
}

export interface RuleSpec {
  readonly name?: string;
  readonly matches?: readonly unknown[];
  readonly filters?: readonly FilterSpec[];
  readonly backendRefs?: readonly BackendSpec[];
  readonly timeouts?: TimeoutsSpec;
  readonly retry?: RetrySpec<string | number>;
  readonly sessionPersistence?: unknown;
}

export interface TimeoutsSpec {
  readonly request?: string;
  readonly backendRequest?: string;
}

/** A target that a route is bound to. */
export interface RouteParent {
  /** "namespace/name" */
  readonly service: string;
  /** 0: every port. */
  readonly port: number;
}

/** A route ready to be merged with others of its target. */
export interface CompiledRoute {
  readonly parents: readonly RouteParent[];
  readonly rules: readonly CompiledRule[];
}

export interface CompiledRule {
  readonly rule: RouteRule;
  /** At least one; `rule` and `port` are set when routes are merged. */
  readonly matches: readonly RouteMatch[];
}

/** Gateway API's limit for a route as a whole. */
const MAX_MATCHES = 128;

const timeouts = object({ request: durationSchema, backendRequest: durationSchema });

/** JSON Schema of a route with these schemas of matches and retries. */
export function routeSchema(match: object, retry: object): object {
  const rule = object({
    name: text(253),
    matches: list(match, 64, 0),
    filters: filtersSchema,
    backendRefs: backendRefsSchema,
    timeouts,
    retry,
    sessionPersistence: anything,
  });
  return object(
    {
      parentRefs: list(object({ ...serviceRefSchema, sectionName: anything }, ["name"]), 32),
      hostnames: anything,
      useDefaultGateways: anything,
      rules: list(rule, 16),
    },
    ["parentRefs"],
  );
}

export function checkRoute<Rule extends RuleSpec>(
  spec: RouteSpec<Rule>,
  checkRule: (rule: Rule, path: Path) => readonly SpecProblem[],
): readonly SpecProblem[] {
  const total = (spec.rules ?? []).reduce((sum, { matches = [] }) => sum + Math.max(1, matches.length), 0);
  const found = [
    ...checkEach(spec.parentRefs, ["parentRefs"], checkParent),
    ...checkEach(spec.rules, ["rules"], (rule, path) => [...checkCommon(rule, path), ...checkRule(rule, path)]),
  ];
  if (spec.hostnames !== undefined)
    found.push(
      problem(["hostnames"], "are for gateways", "parentRefs say whose requests are meant; leave hostnames out"),
    );
  if (total > MAX_MATCHES)
    found.push(problem(["rules"], `have ${total} matches`, `at most ${MAX_MATCHES} in one route`));
  return found;
}

function checkParent(parent: ParentRef, path: Path): readonly SpecProblem[] {
  const found = [...checkServiceRef(parent, path)];
  if (parent.sectionName !== undefined)
    found.push(problem([...path, "sectionName"], "has no meaning: ports have no names here", "port: 8080"));
  return found;
}

function checkCommon(rule: RuleSpec, path: Path): readonly SpecProblem[] {
  const { request, backendRequest } = rule.timeouts ?? {};
  const found = [
    ...checkFilters(rule.filters, [...path, "filters"]),
    ...checkEach(rule.backendRefs, [...path, "backendRefs"], checkBackend),
    ...checkDuration(request, [...path, "timeouts", "request"]),
    ...checkDuration(backendRequest, [...path, "timeouts", "backendRequest"]),
  ];
  if (
    found.length === 0 &&
    request !== undefined &&
    backendRequest !== undefined &&
    durationMs(request) > 0 &&
    durationMs(backendRequest) > durationMs(request)
  )
    found.push(problem([...path, "timeouts", "backendRequest"], `${backendRequest} is longer than request ${request}`));
  if (rule.sessionPersistence !== undefined)
    found.push(problem([...path, "sessionPersistence"], "is not supported", "requests are balanced one by one"));
  return found;
}

/** Keys and ports of the services that a route is bound to, each once. */
export function parentsOf(parentRefs: readonly ParentRef[], namespace: string): readonly RouteParent[] {
  const parents = parentRefs.map((ref) => ({
    service: serviceKey({ namespace: ref.namespace ?? namespace, name: ref.name }),
    port: ref.port ?? 0,
  }));
  return [...new Map(parents.map((parent) => [`${parent.service}:${parent.port}`, parent])).values()];
}

export interface RuleOptions {
  readonly ref: PolicyRef;
  readonly index: number;
  readonly retry: Retry | undefined;
}

/** A checked rule without its matches, in the snapshot's form. */
export function encodeRule(spec: RuleSpec, { ref, index, retry }: RuleOptions): RouteRule {
  const rule = create(RouteRuleSchema, {
    ref,
    index,
    mirrors: encodeMirrors(spec.filters, ref.namespace),
    backends: (spec.backendRefs ?? []).map((backend) => encodeBackend(backend, ref.namespace)),
  });
  const requestHeaders = headerChange(spec.filters, "requestHeaderModifier");
  const responseHeaders = headerChange(spec.filters, "responseHeaderModifier");
  const requestTimeout = durationOf(spec.timeouts?.request);
  const backendRequestTimeout = durationOf(spec.timeouts?.backendRequest);
  if (requestHeaders) rule.requestHeaders = requestHeaders;
  if (responseHeaders) rule.responseHeaders = responseHeaders;
  if (requestTimeout) rule.requestTimeout = requestTimeout;
  if (backendRequestTimeout) rule.backendRequestTimeout = backendRequestTimeout;
  if (retry) rule.retry = retry;
  return rule;
}
