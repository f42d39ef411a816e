/** A query that Linkerd's tools ask, and labels that a row of its answer must have. */
export interface LinkerdQuery {
  readonly what: string;
  readonly promql: string;
  readonly row: Readonly<Record<string, string>>;
}

const inbound = 'direction="inbound", namespace="default"';
const users = `namespace="default", deployment="users", direction="inbound"`;
const toUsers = 'namespace="default", dst_service="users", direction="outbound"';

const latency = (labels: string, by: string, quantile = 0.95): string =>
  `histogram_quantile(${quantile}, sum(irate(response_latency_ms_bucket{${labels}}[30s])) by (le, ${by}))`;
const success = (labels: string, by = ""): string =>
  `sum(irate(response_total{classification="success", ${labels}}[30s])) ${by} / sum(irate(response_total{${labels}}[30s])) ${by}`;

/**
 * What Linkerd publishes, with the demo's names put in: the statistics of `linkerd viz` (viz/metrics-api: stat_summary,
 * edges, authz), its Grafana dashboards (deployment, service, authority, top-line) and Flagger's metric templates for it.
 */
export const linkerdQueries: readonly LinkerdQuery[] = [
  {
    what: "viz stat deploy: requests",
    promql: `sum(increase(response_total{${inbound}}[1m])) by (namespace, deployment, classification, tls)`,
    row: { namespace: "default", deployment: "payments", classification: "failure", tls: "true" },
  },
  ...[0.5, 0.95, 0.99].map((quantile) => ({
    what: `viz stat deploy: latency ${quantile}`,
    promql: latency(inbound, "namespace, deployment", quantile),
    row: { namespace: "default", deployment: "users" },
  })),
  {
    what: "viz stat deploy --to deploy/users: requests",
    promql:
      'sum(increase(response_total{direction="outbound", namespace="default", dst_namespace="default", dst_deployment="users"}[1m])) by (namespace, deployment, classification, tls)',
    row: { deployment: "web", classification: "success" },
  },
  {
    what: "viz stat deploy --from deploy/web: latency",
    promql: latency('direction="outbound", namespace="default", deployment="web"', "dst_namespace, dst_deployment"),
    row: { dst_namespace: "default", dst_deployment: "users" },
  },
  {
    what: "viz stat svc --from deploy/web: requests by service",
    promql:
      'sum(increase(response_total{direction="outbound", deployment="web"}[1m])) by (dst_namespace, dst_service, classification, tls)',
    row: { dst_namespace: "default", dst_service: "payments", classification: "success" },
  },
  {
    what: "viz edges, the callee's side",
    promql: 'count(response_total{direction="inbound"}) by (deployment, client_id, namespace, no_tls_reason)',
    row: { deployment: "users", client_id: "web" },
  },
  {
    what: "viz edges, the caller's side",
    promql:
      'count(response_total{direction="outbound"}) by (deployment, dst_deployment, server_id, namespace, dst_namespace, no_tls_reason)',
    row: { deployment: "web", dst_deployment: "users", dst_namespace: "default" },
  },
  { what: "Grafana deployment: success rate", promql: success(users), row: {} },
  {
    what: "Grafana deployment: success rate, named",
    promql: success(users, "by (deployment)"),
    row: { deployment: "users" },
  },
  {
    what: "Grafana deployment: request rate with TLS",
    promql: `sum(irate(request_total{${users}, tls="true"}[30s])) by (deployment)`,
    row: { deployment: "users" },
  },
  {
    what: "Grafana deployment: request rate without TLS",
    promql: 'sum(irate(request_total{namespace="default", direction="outbound", tls!="true"}[30s])) by (deployment)',
    // The demo's own requests have TLS, every one.
    row: { deployment: "prober" },
  },
  {
    what: "Grafana deployment: callers",
    promql:
      'count(count(request_total{dst_namespace="default", deployment!="", dst_deployment!="", dst_deployment="users", direction="outbound"}) by (namespace, deployment))',
    row: {},
  },
  {
    what: "Grafana deployment: callees",
    promql:
      'count(count(request_total{namespace="default", deployment="web", direction="outbound"}) by (namespace, dst_deployment))',
    row: {},
  },
  {
    what: "Grafana service: success rate",
    promql: success(toUsers, "by (dst_service)"),
    row: { dst_service: "users" },
  },
  { what: "Grafana service: latency", promql: latency(toUsers, "dst_service"), row: { dst_service: "users" } },
  {
    what: "Grafana service: success rate by caller",
    promql: success(toUsers, "by (dst_service, deployment)"),
    row: { dst_service: "users", deployment: "web" },
  },
  {
    what: "Grafana authority: request rate",
    promql: 'sum(irate(request_total{authority="users", direction="inbound"}[30s]))',
    row: {},
  },
  {
    what: "Grafana top line: success rate",
    promql:
      'sum(irate(response_total{classification="success", deployment=~".+"}[30s])) / sum(irate(response_total{deployment=~".+"}[30s]))',
    row: {},
  },
  {
    what: "Flagger: success rate in percent",
    promql:
      'sum(rate(response_total{namespace="default", deployment=~"payments", classification!="failure", direction="inbound"}[30s])) / sum(rate(response_total{namespace="default", deployment=~"payments", direction="inbound"}[30s])) * 100',
    row: {},
  },
  {
    what: "Flagger: latency",
    promql: `histogram_quantile(0.99, sum(rate(response_latency_ms_bucket{namespace="default", deployment=~"payments", direction="inbound"}[30s])) by (le))`,
    row: {},
  },
  {
    what: "viz authz: denied",
    promql: 'sum(inbound_http_authz_deny_total{namespace="default"}) by (namespace, authz_kind, authz_name)',
    row: { authz_kind: "authorizationpolicy", authz_name: "no-staging" },
  },
  {
    what: "viz authz: allowed",
    promql: 'sum(inbound_http_authz_allow_total{namespace="default"}) by (namespace, authz_kind, authz_name)',
    row: { authz_kind: "default" },
  },
];
