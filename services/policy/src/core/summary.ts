import type { AuthorizationPolicySpec } from "./kinds/authorization-policy.ts";
import type { BackendTrafficPolicySpec } from "./kinds/backend-traffic-policy.ts";
import type { BackendSpec } from "./kinds/backends.ts";
import type { GrpcRouteSpec } from "./kinds/grpc-route.ts";
import type { HttpRouteSpec } from "./kinds/http-route.ts";
import type { RateLimitPolicySpec } from "./kinds/rate-limit-policy.ts";
import type { RetrySpec } from "./kinds/retry.ts";
import type { RuleSpec } from "./kinds/route.ts";
import type { OperationSpec, SourceSpec } from "./kinds/who-and-what.ts";
import type { WrittenObjective } from "./objectives/objective-resource.ts";
import type { PolicyResource } from "./resource.ts";

/** What a checked resource does, in one line. */
export function summaryOf({ kind, spec }: PolicyResource): string {
  switch (kind) {
    case "AuthorizationPolicy":
      return authorization(spec as AuthorizationPolicySpec);
    case "RateLimitPolicy":
      return rateLimits(spec as RateLimitPolicySpec);
    case "HTTPRoute":
    case "GRPCRoute":
      return route(spec as HttpRouteSpec | GrpcRouteSpec);
    case "XBackendTrafficPolicy":
      return `retries at most ${(spec as BackendTrafficPolicySpec).retryConstraint?.budget?.percent ?? 20} % of requests`;
    default:
      return objective(spec as WrittenObjective);
  }
}

function authorization({ action, rules = [], plugin }: AuthorizationPolicySpec): string {
  const verb = action === "Plugin" ? `ask ${plugin?.name}` : action.toLowerCase();
  if (rules.length === 0) return `${verb} everything`;
  const [first] = rules.map(({ from, to, when }) =>
    [whom(from), what(to), when ? `when ${when}` : ""].filter(Boolean).join(" "),
  );
  return short(`${verb} ${first}`) + more(rules.length - 1, "rule");
}

function whom(from: readonly SourceSpec[] | undefined): string {
  const names = (from ?? []).flatMap(({ identities = [], notIdentities = [], namespaces = [], notNamespaces = [] }) => [
    ...identities.map((identity) => identity.replace(/^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/(.+)$/, "$2.$1")),
    ...namespaces,
    ...[...notIdentities, ...notNamespaces].map((name) => `not ${name}`),
  ]);
  return names.length === 0 ? "" : `from ${names.join(", ")}`;
}

function what(to: readonly OperationSpec[] | undefined): string {
  const parts = (to ?? []).map(({ methods = [], notMethods = [], paths = [], notPaths = [] }) =>
    [
      ...methods,
      ...notMethods.map((method) => `not ${method}`),
      ...paths,
      ...notPaths.map((path) => `not ${path}`),
    ].join(" "),
  );
  return parts.length === 0 ? "" : `to ${parts.join(", ")}`;
}

function rateLimits({ limits, plugin }: RateLimitPolicySpec): string {
  const [first] = limits.map(({ requests, per, by = [] }) => {
    const each = by.length === 0 ? "" : ` by ${by.join(" and ")}`;
    return `${requests} requests per ${per}${each}`;
  });
  return short(`${first}${plugin ? `, shared out by ${plugin.name}` : ""}`) + more(limits.length - 1, "limit");
}

function route({ rules = [{}] }: HttpRouteSpec | GrpcRouteSpec): string {
  const [first] = rules.map((rule: RuleSpec & { retry?: RetrySpec<string | number> }) => {
    const parts = [
      split(rule.backendRefs),
      rule.timeouts?.request ? `timeout ${rule.timeouts.request}` : "",
      rule.timeouts?.backendRequest ? `${rule.timeouts.backendRequest} for each try` : "",
      rule.retry ? `${rule.retry.attempts ?? 1} retries` : "",
      ...(rule.filters ?? []).map(({ type }) => type),
    ];
    return parts.filter((part) => part !== "").join(", ");
  });
  return short(first || "matches, and changes nothing") + more(rules.length - 1, "rule");
}

function split(backends: readonly BackendSpec[] | undefined): string {
  if (!backends || backends.length === 0) return "";
  const total = backends.reduce((sum, { weight = 1 }) => sum + weight, 0);
  if (backends.length === 1 && total > 0) return `to ${backends[0]?.name}`;
  return backends
    .map(({ name, weight = 1 }) => `${total === 0 ? 0 : Math.round((weight / total) * 1_000) / 10} % ${name}`)
    .join(", ");
}

function objective({ target, source, objective: percent, latency }: WrittenObjective): string {
  const from = source ? ` from ${source.name}` : "";
  return `${percent} % of requests${from} to ${target.name} are good${latency ? ` and under ${latency.under}` : ""}`;
}

const MAX_LENGTH = 160;

function short(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
}

function more(count: number, what: string): string {
  if (count <= 0) return "";
  return `; ${count} more ${what}${count === 1 ? "" : "s"}`;
}
