import type { Aggregate } from "../aggregate/aggregate.ts";
import { type VerdictName, verdictName } from "../aggregate/authorization-counts.ts";
import {
  COUNT_EJECTIONS,
  COUNT_OVERLOADS,
  COUNT_REFUSED,
  COUNT_RETRIES,
  COUNT_RETRIES_DENIED,
  DECISION_KEY_POLICY,
  DECISION_KEY_SOURCE,
  DECISION_KEY_TARGET,
  DECISION_KEY_VERDICT,
  HEALTH_KEY_SOURCE,
  HEALTH_KEY_TARGET,
} from "../aggregate/extras.ts";
import { addGauge } from "../query/health.ts";
import { emptyHealthRow, type HealthRow } from "../query/health-row.ts";
import { head, type TextFormat } from "./metric-family.ts";
import { escapeValue, outboundLabels, ownLabels } from "./metric-labels.ts";

const counters = [
  [COUNT_EJECTIONS, "proxy_ejections_total", "Endpoints taken out because of failures in a row."],
  [COUNT_REFUSED, "proxy_connections_refused_total", "Connections to endpoints that could not be made."],
  [COUNT_OVERLOADS, "proxy_overloads_total", "Requests that found all endpoints or connections at their limit."],
  [COUNT_RETRIES, "proxy_retries_total", "Retries that were sent."],
  [COUNT_RETRIES_DENIED, "proxy_retries_denied_total", "Retries that the budget did not allow."],
] as const;

const gauges: readonly (readonly [name: string, help: string, value: (row: HealthRow) => number])[] = [
  ["proxy_endpoints", "Endpoints of the target: the most that one proxy sees.", (row) => row.endpoints],
  ["proxy_endpoints_ejected", "Endpoints taken out at the moment, by any proxy.", (row) => row.ejected],
  ["proxy_outstanding_requests", "Requests in flight.", (row) => row.outstanding],
  ["proxy_retry_budget", "Retries that the budget would allow at the moment.", (row) => row.retryBudget],
];

/** Text of targets' health and policies' decisions. */
export function* extrasText(aggregate: Aggregate, format: TextFormat, now: number): Iterable<string> {
  yield* healthGauges(aggregate, format, now);
  yield* healthCounters(aggregate, format);
  yield* decisionCounters(aggregate, format);
}

function* healthGauges(aggregate: Aggregate, format: TextFormat, now: number): Iterable<string> {
  const rows = new Map<number, HealthRow>();
  aggregate.extras.gauges.visit((id, gauge) => {
    const row = rows.get(id) ?? emptyHealthRow("", "", "");
    rows.set(id, row);
    addGauge(row, gauge, now);
  });
  for (const [name, help, value] of gauges) {
    yield head({ name, type: "gauge", help }, format);
    // What no proxy has told for a while is not 0 but unknown.
    for (const [id, row] of rows)
      if (row.reporting > 0) yield `${name}{${healthLabels(aggregate, id)}} ${value(row)}\n`;
  }
}

function* healthCounters(aggregate: Aggregate, format: TextFormat): Iterable<string> {
  const { health } = aggregate.extras;
  for (const [column, name, help] of counters) {
    yield head({ name, type: "counter", help }, format);
    for (const id of health.ids()) {
      yield `${name}{${healthLabels(aggregate, id)}} ${health.totals[id * health.columns + column] ?? 0}\n`;
    }
  }
}

function healthLabels({ extras, labels }: Aggregate, id: number): string {
  return outboundLabels({
    source: labels.text(extras.health.part(id, HEALTH_KEY_SOURCE)),
    target: labels.text(extras.health.part(id, HEALTH_KEY_TARGET)),
    backend: labels.text(extras.backend(id)),
  });
}

/** Which decisions a family counts: those with the verdict, by a policy for limits or one for who may call. */
interface DecisionFamily {
  readonly name: string;
  readonly help: string;
  readonly verdicts: readonly VerdictName[];
  readonly limits: boolean;
}

const decisionFamilies: readonly DecisionFamily[] = [
  {
    name: "inbound_http_authz_allow_total",
    help: "Requests that were authorized.",
    verdicts: ["allowed", "failed-open"],
    limits: false,
  },
  {
    name: "inbound_http_authz_deny_total",
    help: "Requests that were not authorized.",
    verdicts: ["denied", "failed-closed"],
    limits: false,
  },
  {
    name: "inbound_http_authz_audit_total",
    help: "Requests that an audit policy matched.",
    verdicts: ["audited"],
    limits: false,
  },
  {
    name: "inbound_http_ratelimited_total",
    help: "Requests that were refused by a rate limit.",
    verdicts: ["limited", "failed-closed"],
    limits: true,
  },
  {
    name: "inbound_http_ratelimit_passed_total",
    help: "Requests that a rate limit let pass.",
    verdicts: ["allowed", "failed-open"],
    limits: true,
  },
];

function* decisionCounters(aggregate: Aggregate, format: TextFormat): Iterable<string> {
  const { extras, labels } = aggregate;
  const { decisions } = extras;
  for (const { name, help, verdicts, limits } of decisionFamilies) {
    yield head({ name, type: "counter", help }, format);
    for (const id of decisions.ids()) {
      const verdict = verdictName(decisions.part(id, DECISION_KEY_VERDICT));
      const policy = labels.text(decisions.part(id, DECISION_KEY_POLICY));
      const isLimit = verdict === "limited" || policy.startsWith("RateLimitPolicy ");
      if (!verdicts.includes(verdict) || isLimit !== limits) continue;
      const own = ownLabels(labels.text(decisions.part(id, DECISION_KEY_TARGET)));
      const client = escapeValue(labels.text(decisions.part(id, DECISION_KEY_SOURCE)));
      yield `${name}{${own},${policyLabels(policy)},client_id="${client}",verdict="${verdict}"} ${decisions.totals[id] ?? 0}\n`;
    }
  }
}

/** "AuthorizationPolicy production/no-staging" as Linkerd names what authorized: kind in lower case, and name. */
function policyLabels(policy: string): string {
  const [, kind = policy, namespace = "", name = policy] = /^(\S+) ([^/]*)\/(.*)$/s.exec(policy) ?? [];
  const inNamespace = namespace === "" ? "" : `,authz_namespace="${escapeValue(namespace)}"`;
  return `authz_kind="${escapeValue(kind.toLowerCase())}",authz_name="${escapeValue(name)}"${inNamespace}`;
}
