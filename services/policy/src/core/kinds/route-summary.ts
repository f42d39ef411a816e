import { more, short } from "../summary-text.ts";
import type { BackendSpec } from "./backends.ts";
import type { RouteSpec, RuleSpec } from "./route.ts";

/** What a route does, in one line: its first rule. */
export function summariseRoute({ rules = [{}] }: RouteSpec<RuleSpec>): string {
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
