import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { LimitState, ProxyLimit } from "@patchbay/proto/mesh/common/v1/limit_pb";
import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { ExplainResponse as Resolved } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import {
  type ExplainResponse,
  type PolicyDecision,
  RequestDecision,
  RequestDecisionSchema,
  type RouteDecision,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { AuthorizationActionSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { enumName, enumToken } from "../../output/enum-name.ts";
import { paint } from "../../output/output.ts";
import { wrap } from "../../output/table.ts";
import { percent } from "../../output/units.ts";
import type { WrittenRequest } from "./request-text.ts";
import { resolutionJson, resolutionLines } from "./resolution.ts";

/** The stable form for scripts. */
export function requestJson(request: WrittenRequest, decided: ExplainResponse, resolved: readonly Resolved[]): object {
  const { path, sourceIdentity, target, why } = decided;
  return {
    request,
    path,
    sourceIdentity,
    target,
    decision: decisionName(decided),
    why,
    route: decided.route && routeJson(decided.route),
    policies: decided.policies.map((each) => ({
      policy: refText(each.ref),
      action: enumName(AuthorizationActionSchema, each.action),
      matched: each.matched,
      why: each.why,
    })),
    limits: decided.limits.map(limitJson),
    backends: resolved.map(({ resolution }) => resolution && resolutionJson(resolution)),
  };
}

function routeJson({ ref, rule, backends, why, effects }: RouteDecision): object {
  const shares = backends.map(({ authority, weight }) => ({ authority, weight }));
  return { policy: ref ? refText(ref) : undefined, rule, backends: shares, why, effects };
}

function limitJson({ ref, limit, matched, why, key, proxies }: LimitState): object {
  const states = proxies.map(({ instance, left, size, expires }) => ({
    instance,
    left,
    size,
    expires: expires && timestampDate(expires).toISOString(),
  }));
  return { policy: refText(ref), limit, matched, why, key, proxies: states };
}

function refText(ref: PolicyRef | undefined): string {
  return ref ? `${ref.kind} ${ref.namespace}/${ref.name}` : "";
}

export interface ExplainedRequest {
  readonly request: WrittenRequest;
  readonly decided: ExplainResponse;
  readonly resolved: readonly Resolved[];
  readonly width: number;
}

/** What would happen to a request, in the order in which it would. */
export function requestLines({ request, decided, resolved, width }: ExplainedRequest): string[] {
  const who = decided.sourceIdentity || "somebody without proof of identity";
  const dim = (text: string): string[] => wrap(text, width - 4).map((line) => paint("dim", `    ${line}`));
  return [
    `${paint("bold", `${request.method} ${decided.path}`)} of ${decided.target}, from ${who}`,
    ...(decided.path === request.path ? [] : [`  asked for as ${request.path}`]),
    "",
    paint("bold", "ROUTE"),
    ...routeLines(decided, dim),
    "",
    paint("bold", "POLICIES"),
    ...decided.policies.flatMap((each) => [`  ${policyText(each)}`, ...dim(each.why)]),
    ...decided.limits.flatMap((each) => limitLines(each, dim)),
    ...(decided.policies.length + decided.limits.length === 0 ? [`  ${noPolicy(decided)}`] : []),
    "",
    paint("bold", "ENDPOINTS"),
    ...resolved.flatMap(({ resolution }) => (resolution ? resolutionLines(resolution, width - 2) : [])).map(indent),
    "",
    ...verdictLines(decided, width),
  ];
}

/** "allowed", "denied", "limited", "no-route", "ask". */
function decisionName({ decision }: ExplainResponse): string {
  return enumToken(RequestDecisionSchema, decision);
}

function verdictLines(decided: ExplainResponse, width: number): string[] {
  const { decision, why } = decided;
  const name = decisionName(decided);
  const [first = "", ...more] = wrap(`${name}: ${why}`, width);
  const style = decision === RequestDecision.ALLOWED ? "good" : decision === RequestDecision.ASK ? "warn" : "bad";
  return [first.replace(name, () => paint(style, name)), ...more];
}

/** Services decide, and a request without a route gets to none. */
function noPolicy({ decision }: ExplainResponse): string {
  return decision === RequestDecision.NO_ROUTE ? "not asked, since it goes nowhere" : "none is about this workload";
}

function routeLines({ route, decision }: ExplainResponse, dim: (text: string) => string[]): string[] {
  const nothing = decision === RequestDecision.NO_ROUTE ? "no rule matches" : "no rule; the service itself";
  if (!route?.ref) return [`  ${nothing}`, ...(route?.why ?? []).flatMap(dim)];
  const total = route.backends.reduce((sum, { weight }) => sum + weight, 0);
  const backends = route.backends.map(
    ({ authority, weight }) => `  ${percent(total === 0 ? 0 : weight / total).padStart(6)} ${authority}`,
  );
  return [
    `  ${refText(route.ref)}, rule ${route.rule + 1}`,
    ...route.why.flatMap(dim),
    ...backends,
    ...route.effects.map(indent),
  ];
}

function policyText({ ref, action, matched }: PolicyDecision): string {
  const said = matched ? paint("bold", "matched") : "no match";
  return `${refText(ref)} (${enumName(AuthorizationActionSchema, action)}): ${said}`;
}

function limitLines({ ref, limit, matched, why, key, proxies }: LimitState, dim: (text: string) => string[]): string[] {
  const said = matched ? paint("bold", "matched") : "no match";
  const of = key.length > 0 ? ` for ${key.map((each) => each || "(none)").join(", ")}` : "";
  const states = proxies.map((proxy) => `    ${proxy.instance}: ${leftText(proxy)}`);
  return [`  ${refText(ref)}, limit ${limit}${of}: ${said}`, ...dim(why), ...states];
}

/** A bucket holds at least one; a lease of nothing is none. */
function leftText({ left, size }: ProxyLimit): string {
  return size === 0 ? "no lease at the moment; its plugin is asked" : `${Math.floor(left)} of ${size} left`;
}

function indent(line: string): string {
  return `  ${line}`;
}
