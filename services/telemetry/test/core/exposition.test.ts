import assert from "node:assert/strict";
import { test } from "node:test";
import { Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { Aggregate } from "../../src/core/aggregate/aggregate.ts";
import { Exposition } from "../../src/core/expose/exposition.ts";
import type { TextFormat } from "../../src/core/expose/metric-family.ts";
import { readOpenMetrics } from "../support/openmetrics.ts";
import {
  aDecision,
  anExemplar,
  aReport,
  aRow,
  aTargetsHealth,
  decoded,
  fullReportArbitrary,
  type TestDecision,
  type TestReport,
} from "../support/reports.ts";

function textIn(format: TextFormat, reports: readonly TestReport[], now = aReport.endMs): string {
  const aggregate = new Aggregate();
  for (const report of reports) aggregate.apply(decoded(report), report.endMs);
  return [...new Exposition(aggregate).chunks(format, now)].join("");
}

function text(...reports: readonly TestReport[]): string {
  return textIn("prometheus", reports);
}

function lines(all: string, start: string): string[] {
  return all.split("\n").filter((line) => line.startsWith(start));
}

test("requests carry the names and labels of Linkerd's proxy", () => {
  const all = text({ ...aReport, rows: [{ ...aRow, target: "users.demo", count: 3, latency: [0, 1, 2, 2] }] });
  const common =
    'direction="outbound",namespace="default",deployment="web",authority="users.demo",dst_namespace="demo",dst_service="users",dst_deployment="users",tls="true",rt_route="GET /users"';
  assert.deepEqual(lines(all, "request_total"), [`request_total{${common}} 3`]);
  assert.deepEqual(lines(all, "response_total"), [
    `response_total{${common},method="GET",status_code="200",classification="success"} 3`,
  ]);
  assert.deepEqual(lines(all, "response_latency_ms").slice(0, 4), [
    `response_latency_ms_bucket{${common},le="1"} 1`,
    `response_latency_ms_bucket{${common},le="2"} 1`,
    `response_latency_ms_bucket{${common},le="3"} 3`,
    `response_latency_ms_bucket{${common},le="4"} 3`,
  ]);
  assert.deepEqual(lines(all, "response_latency_ms").slice(25), [
    `response_latency_ms_bucket{${common},le="+Inf"} 3`,
    `response_latency_ms_sum{${common}} 1.5`,
    `response_latency_ms_count{${common}} 3`,
  ]);
});

test("inbound rows name the client by its proven identity", () => {
  const all = text({
    ...aReport,
    reporter: "default/users",
    rows: [{ ...aRow, outbound: false, grpcStatus: 14, failure: true }],
  });
  assert.deepEqual(lines(all, "response_total"), [
    'response_total{direction="inbound",namespace="default",deployment="users",authority="users",client_id="web",tls="true",rt_route="GET /users",method="GET",status_code="200",grpc_status="14",classification="failure"} 1',
  ]);
});

test("a backend that was chosen is who got the request, and is named when it is not the target", () => {
  const all = text({ ...aReport, rows: [{ ...aRow, backend: "users-v2.demo" }] });
  assert.match(
    lines(all, "request_total")[0] ?? "",
    /authority="users",dst_namespace="demo",dst_service="users",dst_deployment="users-v2",dst_backend="users-v2.demo"/,
  );
});

test("requests with and without TLS are series of their own", () => {
  const all = text({ ...aReport, rows: [aRow, { ...aRow, tls: false, count: 2 }] });
  assert.deepEqual(
    lines(all, "request_total").map((line) => /tls="(\w+)".* (\d+)$/.exec(line)?.slice(1)),
    [
      ["true", "1"],
      ["false", "2"],
    ],
  );
});

test("targets' health are gauges while they are fresh, and counters", () => {
  const reports = [{ ...aReport, health: [aTargetsHealth] }];
  const labels =
    'direction="outbound",namespace="default",deployment="web",authority="users",dst_namespace="default",dst_service="users",dst_deployment="users"';
  assert.deepEqual(lines(text(...reports), "proxy_"), [
    `proxy_endpoints{${labels}} 3`,
    `proxy_endpoints_ejected{${labels}} 1`,
    `proxy_outstanding_requests{${labels}} 4`,
    `proxy_retry_budget{${labels}} 12.5`,
    `proxy_ejections_total{${labels}} 1`,
    `proxy_connections_refused_total{${labels}} 2`,
    `proxy_overloads_total{${labels}} 3`,
    `proxy_retries_total{${labels}} 4`,
    `proxy_retries_denied_total{${labels}} 5`,
  ]);
  const later = textIn("prometheus", reports, aReport.endMs + 4_000);
  assert.deepEqual(lines(later, "proxy_endpoints"), []);
  assert.equal(lines(later, "proxy_retries_total").length, 1);
});

test("decisions are counted by what became of the request, with the names of who decided and who asked", () => {
  const policy = (name: string, verdict: Verdict): TestDecision => ({ ...aDecision, policy: name, verdict, count: 2 });
  const all = text({
    ...aReport,
    reporter: "demo/users",
    decisions: [
      policy("AuthorizationPolicy demo/no-staging", Verdict.DENIED),
      policy("default", Verdict.ALLOWED),
      policy("AuthorizationPolicy demo/opa", Verdict.FAILED_CLOSED),
      policy("AuthorizationPolicy demo/watch", Verdict.AUDITED),
      policy("RateLimitPolicy demo/per-client", Verdict.LIMITED),
      policy("RateLimitPolicy demo/global", Verdict.FAILED_OPEN),
    ],
  });
  const own = 'namespace="demo",deployment="users"';
  const authz = (name: string): string =>
    `authz_kind="authorizationpolicy",authz_name="${name}",authz_namespace="demo"`;
  const limit = (name: string): string => `authz_kind="ratelimitpolicy",authz_name="${name}",authz_namespace="demo"`;
  assert.deepEqual(lines(all, "inbound_"), [
    `inbound_http_authz_allow_total{${own},authz_kind="default",authz_name="default",client_id="web",verdict="allowed"} 2`,
    `inbound_http_authz_deny_total{${own},${authz("no-staging")},client_id="web",verdict="denied"} 2`,
    `inbound_http_authz_deny_total{${own},${authz("opa")},client_id="web",verdict="failed-closed"} 2`,
    `inbound_http_authz_audit_total{${own},${authz("watch")},client_id="web",verdict="audited"} 2`,
    `inbound_http_ratelimited_total{${own},${limit("per-client")},client_id="web",verdict="limited"} 2`,
    `inbound_http_ratelimit_passed_total{${own},${limit("global")},client_id="web",verdict="failed-open"} 2`,
  ]);
});

test("in OpenMetrics a latency bucket shows the newest request with a trace that it counts", () => {
  const rows = [{ ...aRow, latency: [1, 2, 25, 1] }];
  const exemplars = [
    anExemplar,
    { ...anExemplar, latencyMs: 2, spanId: "00000000000000ff", atMs: anExemplar.atMs + 1 },
    { ...anExemplar, latencyMs: 60_000, traceId: "ab".repeat(16) },
  ];
  const shown = lines(textIn("openmetrics", [{ ...aReport, rows, exemplars }]), "response_latency_ms_bucket")
    .filter((line) => line.includes(" # "))
    .map((line) => line.slice(line.indexOf("le=")));
  assert.deepEqual(shown, [
    `le="2"} 2 # {trace_id="${anExemplar.traceId}",span_id="00000000000000ff"} 2 1700000000.501`,
    `le="+Inf"} 3 # {trace_id="${"ab".repeat(16)}",span_id="${anExemplar.spanId}"} 60000 1700000000.5`,
  ]);
  assert.ok(!text({ ...aReport, rows, exemplars }).includes("trace_id"));
});

test("an exemplar of a request that a proxy saw in its own future is not later than the report's arrival", () => {
  const exemplars = [{ ...anExemplar, atMs: aReport.endMs + 60_000 }];
  assert.match(textIn("openmetrics", [{ ...aReport, exemplars }]), / 1\.5 1700000001\n/);
});

test("OpenMetrics text keeps its specification, and has the samples that Prometheus text has", () => {
  const reports = fc
    .array(fullReportArbitrary, { maxLength: 6 })
    .map((all) => all.map((report, index) => ({ ...report, sequence: index + 1 })));
  fc.assert(
    fc.property(reports, (all) => {
      const open = textIn("openmetrics", all, 1_700_000_050_000);
      readOpenMetrics(`${open}# EOF\n`);
      const samples = (of: string): string[] =>
        of
          .split("\n")
          .filter((line) => !line.startsWith("#"))
          .map((line) => line.replace(/ # .*/, ""));
      assert.deepEqual(samples(open), samples(textIn("prometheus", all, 1_700_000_050_000)));
    }),
    { numRuns: 20 },
  );
});

test("opaque connections have the TCP metrics and no others", () => {
  const tcp = {
    ...aRow,
    opaque: true,
    status: 0,
    route: "",
    method: "",
    openDelta: 1,
    requestBytes: 5,
    responseBytes: 7,
  };
  const all = text({ ...aReport, rows: [tcp] });
  assert.deepEqual(lines(all, "request_total"), []);
  assert.match(lines(all, "tcp_open_total")[0] ?? "", /tls="true",peer="dst"\} 2$/);
  assert.match(lines(all, "tcp_open_connections")[0] ?? "", / 1$/);
  assert.match(lines(all, "tcp_read_bytes_total")[0] ?? "", / 7$/);
  assert.match(lines(all, "tcp_write_bytes_total")[0] ?? "", / 5$/);
});

test("opaque connections of a pair are one series, however they ended", () => {
  const tcp = { ...aRow, opaque: true, status: 0, route: "", method: "" };
  const all = text({ ...aReport, rows: [tcp, { ...tcp, status: 503, failure: true, count: 2 }] });
  assert.deepEqual(
    lines(all, "tcp_close_total").map((line) => line.slice(-2)),
    [" 3"],
  );
});

test("label values cannot break out of their quotes", () => {
  const all = text({ ...aReport, rows: [{ ...aRow, route: 'a"b\\c\nd' }] });
  assert.match(lines(all, "request_total")[0] ?? "", /rt_route="a\\"b\\\\c\\nd"\} 1$/);
});

test("every family has its help and type once, before its samples, and no sample comes twice", () => {
  const rows = [aRow, { ...aRow, status: 500, failure: true }, { ...aRow, tls: false }, { ...aRow, opaque: true }];
  const all = text({ ...aReport, rows })
    .trimEnd()
    .split("\n");
  const seen = new Set<string>();
  let family = "";
  for (const line of all) {
    const key = line.startsWith("#") ? line : line.slice(0, line.lastIndexOf(" "));
    assert.ok(!seen.has(key), key);
    seen.add(key);
    if (line.startsWith("# TYPE")) family = line.split(" ")[2] ?? "";
    else if (!line.startsWith("#")) assert.ok(line.startsWith(family), line);
  }
});

test("many series come in pieces of bounded size", () => {
  const aggregate = new Aggregate();
  for (let report = 1; report <= 20; report++) {
    const rows = Array.from({ length: 20 }, (_, at) => ({
      ...aRow,
      source: `s${report}`,
      route: `GET /${report}/${at}`,
    }));
    aggregate.apply(decoded({ ...aReport, reporter: `default/s${report}`, rows }), aReport.endMs);
  }
  const chunks = [...new Exposition(aggregate).chunks("prometheus", 0)].filter((chunk) => chunk !== "");
  assert.ok(chunks.length > 10);
  assert.ok(chunks.every((chunk) => chunk.length < 128 * 1024));
});

test("a counter does not fall when reports come while the text is made", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(90), { minLength: 1, maxLength: 30 }), fc.nat(10), (seconds, every) => {
      const aggregate = new Aggregate();
      const exposition = new Exposition(aggregate);
      let sequence = 0;
      const report = (second: number): void => {
        const endMs = aReport.endMs + second * 1_000;
        aggregate.apply(decoded({ ...aReport, sequence: ++sequence, endMs }), endMs);
      };
      for (let second = 0; second < 20; second++) report(second);
      let all = "";
      let step = 0;
      for (const chunk of exposition.chunks("prometheus", 0)) {
        all += chunk;
        const next = step++ % (every + 1) === 0 ? seconds.pop() : undefined;
        if (next !== undefined) report(20 + next);
      }
      const count = Number(lines(all, "request_total")[0]?.split(" ").at(-1));
      assert.ok(count >= 20 && count <= sequence, String(count));
    }),
  );
});
