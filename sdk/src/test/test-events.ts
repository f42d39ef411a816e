import { DEFAULT_NAMESPACE } from "@patchbay/model";
import type { EndpointChange, PluginChange, Report, ReportRow } from "../public/report.ts";
import type { SloChange } from "../public/slo.ts";
import type { PartialReport } from "../public/test-kit.ts";

/** A whole report from what a test cares about. */
export function fillReport({ rows = [{}], ...given }: PartialReport = {}): Report {
  const end = given.end ?? new Date();
  return {
    id: "test-proxy:1",
    reporter: "default/web",
    start: new Date(end.getTime() - 1_000),
    end,
    overflowed: 0,
    ...given,
    rows: rows.map(fillRow),
  };
}

function fillRow(given: Partial<ReportRow>): ReportRow {
  const requests = given.requests ?? 1;
  return {
    direction: "outbound",
    source: "web",
    target: "users",
    route: "GET /",
    method: "GET",
    status: given.failures ? 500 : 200,
    tls: true,
    opaque: false,
    requests,
    failures: 0,
    retries: 0,
    latency: { count: requests, mean: 1, p50: 1, p95: 1, p99: 1, buckets: [{ upTo: 1, count: requests }] },
    requestBytes: 0,
    responseBytes: 0,
    openConnectionsChange: 0,
    ...given,
  };
}

/** A whole change from what a test cares about. */
export function fillEndpointChange(given: Partial<EndpointChange> = {}): EndpointChange {
  return {
    authority: "users.default.svc.cluster.local:80",
    resolver: "workloads",
    outcome: "endpoints",
    endpoints: [{ address: "10.0.0.1", port: 80, weight: 1 }],
    version: "1",
    ...given,
  };
}

/** A whole change from what a test cares about. */
export function fillPluginChange(given: Partial<PluginChange> = {}): PluginChange {
  return {
    name: "my-plugin",
    instance: "my-plugin-1",
    version: "1.0.0",
    state: "ready",
    previous: "starting",
    reason: "",
    at: new Date(),
    ...given,
  };
}

/** A whole change from what a test cares about. */
export function fillSloChange(given: Partial<SloChange> = {}): SloChange {
  return {
    namespace: DEFAULT_NAMESPACE,
    name: "users-available",
    source: "",
    target: "users",
    state: "burning",
    objective: 0.99,
    short: { burn: 20, windowMs: 60_000 },
    long: { burn: 15, windowMs: 600_000 },
    threshold: 14.4,
    budgetLeft: -14,
    at: new Date(),
    ...given,
  };
}
