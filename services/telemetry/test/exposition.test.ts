import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Aggregate } from "../src/core/aggregate.ts";
import { Exposition } from "../src/core/exposition.ts";
import { aReport, aRow, decoded, type TestReport } from "./support/reports.ts";

function text(...reports: readonly TestReport[]): string {
  const aggregate = new Aggregate();
  for (const report of reports) aggregate.apply(decoded(report), report.endMs);
  return [...new Exposition(aggregate).chunks()].join("");
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
    rows: [{ ...aRow, outbound: false, grpcStatus: 15, failure: true }],
  });
  assert.deepEqual(lines(all, "response_total"), [
    'response_total{direction="inbound",namespace="default",deployment="users",authority="users",client_id="web",tls="true",rt_route="GET /users",method="GET",status_code="200",grpc_status="14",classification="failure"} 1',
  ]);
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
  const chunks = [...new Exposition(aggregate).chunks()].filter((chunk) => chunk !== "");
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
      for (const chunk of exposition.chunks()) {
        all += chunk;
        const next = step++ % (every + 1) === 0 ? seconds.pop() : undefined;
        if (next !== undefined) report(20 + next);
      }
      const count = Number(lines(all, "request_total")[0]?.split(" ").at(-1));
      assert.ok(count >= 20 && count <= sequence, String(count));
    }),
  );
});
