import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Aggregate } from "../../src/core/aggregate/aggregate.ts";
import { Exposition } from "../../src/core/expose/exposition.ts";
import { quantile } from "../../src/core/query/quantile.ts";
import { type StatQuery, stat } from "../../src/core/query/stat.ts";
import { mergeResults, type StatResult } from "../../src/core/query/stat-row.ts";
import { aReport, aRow, decoded, reportArbitrary, type TestReport, type TestRow } from "../support/reports.ts";

const NOW = 1_700_000_200_000;
const hour: StatQuery = { windowSeconds: 3_600, groupBy: "route", source: "", target: "", route: "", backend: "" };

function applyAll(reports: readonly TestReport[], aggregate = new Aggregate()): Aggregate {
  for (const report of reports) aggregate.apply(decoded(report), NOW);
  return aggregate;
}

/** Lines of the metrics that are not comments, in an order that does not depend on ids. */
function metricLines(aggregate: Aggregate): string[] {
  return [...new Exposition(aggregate).chunks("prometheus", NOW)]
    .join("")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .sort();
}

/** Everything that an aggregate says. */
function said(aggregate: Aggregate): unknown {
  return [
    stat(aggregate, hour, NOW),
    stat(aggregate, { ...hour, windowSeconds: 120 }, NOW),
    stat(aggregate, { ...hour, groupBy: "target" }, NOW),
    stat(aggregate, { ...hour, groupBy: "backend" }, NOW),
    metricLines(aggregate),
  ];
}

/** Reports whose identities are all different. */
const reportsArbitrary = fc
  .array(reportArbitrary, { maxLength: 12 })
  .map((reports) => reports.map((report, index) => ({ ...report, sequence: index + 1 })));

test("reports in any order, each any number of times, give the same totals", () => {
  const arrangement = reportsArbitrary.chain((reports) =>
    fc.record({
      reports: fc.constant(reports),
      arranged: fc
        .shuffledSubarray([...reports, ...reports, ...reports], { minLength: 0 })
        .map((some) => [...some, ...reports]),
    }),
  );
  fc.assert(
    fc.property(arrangement, ({ reports, arranged }) => {
      assert.deepEqual(said(applyAll(arranged)), said(applyAll(reports)));
    }),
  );
});

test("rows split over several reports give the same totals as in one", () => {
  fc.assert(
    fc.property(reportsArbitrary, fc.nat(8), (reports, at) => {
      const split = reports.flatMap((report, index) => [
        { ...report, sequence: index * 2 + 1, rows: report.rows.slice(0, at) },
        { ...report, sequence: index * 2 + 2, rows: report.rows.slice(at) },
      ]);
      assert.deepEqual(said(applyAll(split)), said(applyAll(reports)));
    }),
  );
});

test("replicas that share the reports among them answer together as one that has all", () => {
  fc.assert(
    fc.property(reportsArbitrary, fc.nat(11), (reports, at) => {
      const parts = [reports.slice(0, at), reports.slice(at)].map((part) => stat(applyAll(part), hour, NOW));
      const merged = withoutRates(mergeResults(parts));
      const whole = withoutRates(stat(applyAll(reports), hour, NOW));
      // A replica that has only the closing of a connection says 0 where the sum says less.
      assert.deepEqual(merged, whole);
    }),
  );
});

/** Rates depend on how long a replica has been there, and open connections on what it has seen. */
function withoutRates(result: StatResult): unknown {
  return result.rows
    .filter((row) => row.requests + row.requestBytes + row.responseBytes + row.retries > 0)
    .map(({ rps: _rps, tcpOpen: _tcpOpen, ...row }) => row);
}

test("sums equal those of a naive model", () => {
  fc.assert(
    fc.property(reportsArbitrary, (reports) => {
      const rows = reports.flatMap((report) => report.rows).filter((row) => row.outbound || row.source === "unknown");
      const sum = (pick: (row: TestRow) => number): number => rows.reduce((total, row) => total + pick(row), 0);
      const answered = stat(applyAll(reports), { ...hour, groupBy: "target" }, NOW).rows;
      const total = (pick: (row: StatResult["rows"][number]) => number): number =>
        answered.reduce((all, row) => all + pick(row), 0);
      assert.equal(
        total((row) => row.requests),
        sum((row) => row.count),
      );
      assert.equal(
        total((row) => row.failures),
        sum((row) => (row.failure ? row.count : 0)),
      );
      assert.equal(
        total((row) => row.requestBytes),
        sum((row) => row.requestBytes),
      );
      assert.equal(
        total((row) => row.latency.reduce((a, b) => a + b, 0)),
        sum((row) => (row.opaque ? 0 : row.latency.reduce((all, value, at) => all + (at % 2 === 1 ? value : 0), 0))),
      );
    }),
  );
});

test("a report with a known identity changes nothing and says so", () => {
  const aggregate = new Aggregate();
  const table = decoded(aReport);
  assert.equal(aggregate.apply(table, NOW), true);
  assert.equal(aggregate.has(table), true);
  assert.equal(aggregate.apply(table, NOW), false);
  assert.equal(stat(aggregate, hour, NOW).rows[0]?.requests, 1);
});

test("a boot id counts only together with the service that used it", () => {
  const aggregate = applyAll([aReport]);
  assert.equal(aggregate.has(decoded({ ...aReport, reporter: "default/thief" })), false);
});

test("a hop that both ends reported counts once, as the caller saw it", () => {
  const inbound = { ...aRow, outbound: false };
  const users: TestReport = { ...aReport, bootId: "boot-2", reporter: "default/users", rows: [inbound] };
  const result = stat(applyAll([aReport, users]), { ...hour, groupBy: "pair" }, NOW);
  assert.deepEqual(
    result.rows.map(({ source, target, requests }) => [source, target, requests]),
    [["web", "users", 1]],
  );
});

test("what a proxy sends counts as its own, whatever source its rows name", () => {
  const forged = { ...aRow, source: "bank" };
  assert.deepEqual(
    stat(applyAll([{ ...aReport, reporter: "demo/web", rows: [forged] }]), hour, NOW).rows.map((row) => row.source),
    ["web.demo"],
  );
});

test("callers without a proxy count as the callee saw them", () => {
  const fromOutside = { ...aRow, outbound: false, source: "unknown", count: 3 };
  const result = stat(applyAll([{ ...aReport, reporter: "default/users", rows: [fromOutside] }]), hour, NOW);
  assert.deepEqual(
    result.rows.map(({ source, requests }) => [source, requests]),
    [["unknown", 3]],
  );
});

test("a question names what it wants exactly", () => {
  const other = { ...aRow, target: "orders", route: "POST /orders" };
  const aggregate = applyAll([{ ...aReport, rows: [aRow, other] }]);
  const targets = (query: Partial<StatQuery>): string[] =>
    stat(aggregate, { ...hour, ...query }, NOW).rows.map((row) => row.target);
  assert.deepEqual(targets({}), ["orders", "users"]);
  assert.deepEqual(targets({ target: "orders" }), ["orders"]);
  assert.deepEqual(targets({ route: "GET /users" }), ["users"]);
  assert.deepEqual(targets({ source: "user" }), []);
});

test("backends of a target are rows of their own when asked for, and one row otherwise", () => {
  const canary = { ...aRow, backend: "users-v2", count: 9 };
  const aggregate = applyAll([{ ...aReport, rows: [aRow, canary, { ...aRow, backend: "users", count: 90 }] }]);
  const rows = (query: Partial<StatQuery>) =>
    stat(aggregate, { ...hour, ...query }, NOW).rows.map(({ target, backend, requests }) => [
      target,
      backend,
      requests,
    ]);
  assert.deepEqual(rows({ groupBy: "backend" }), [
    ["users", "users", 91],
    ["users", "users-v2", 9],
  ]);
  for (const groupBy of ["target", "pair", "route"] as const)
    assert.deepEqual(rows({ groupBy }), [["users", "", 100]], groupBy);
  assert.deepEqual(rows({ groupBy: "pair", backend: "users-v2" }), [["users", "", 9]]);
  assert.deepEqual(rows({ groupBy: "backend", backend: "users" }), [["users", "users", 91]]);
});

test("the callee's proxy knows no backends", () => {
  const inbound = { ...aRow, outbound: false, source: "unknown", backend: "users-v2" };
  const result = stat(applyAll([{ ...aReport, rows: [inbound] }]), { ...hour, groupBy: "backend" }, NOW);
  assert.deepEqual(
    result.rows.map(({ target, backend }) => [target, backend]),
    [["users", "users"]],
  );
});

test("the window ends with the last full second and holds as many full seconds as asked for", () => {
  const second = (sequence: number, endMs: number): TestReport => ({
    ...aReport,
    sequence,
    startMs: endMs - 1_000,
    endMs,
  });
  const at = NOW + 500;
  const aggregate = new Aggregate();
  [NOW - 10_001, NOW - 10_000, NOW - 1, NOW].forEach((endMs, index) => {
    aggregate.apply(decoded(second(index + 1, endMs)), at);
  });
  const result = stat(aggregate, { ...hour, windowSeconds: 10 }, at);
  assert.equal(result.asOfMs, NOW);
  assert.equal(result.windowSeconds, 10);
  assert.equal(result.rows[0]?.requests, 2);
  assert.equal(result.rows[0]?.rps, 0.2);
});

test("a young mesh divides by its age, not by the window", () => {
  const aggregate = applyAll([
    { ...aReport, startMs: NOW - 5_000, endMs: NOW - 4_000, rows: [{ ...aRow, count: 50 }] },
  ]);
  const result = stat(aggregate, { ...hour, windowSeconds: 60 }, NOW);
  assert.equal(result.windowSeconds, 5);
  assert.equal(result.rows[0]?.rps, 10);
});

test("every window of an hour of traffic has the rate that there was, whatever slots it is made of", () => {
  const aggregate = new Aggregate();
  const start = Math.ceil(NOW / 60_000) * 60_000;
  const end = start + 2 * 3_600_000;
  for (let at = start, sequence = 1; at < end; at += 1_000, sequence++) {
    aggregate.apply(
      decoded({ ...aReport, sequence, startMs: at, endMs: at + 999, rows: [{ ...aRow, count: 7 }] }),
      at + 999,
    );
  }
  for (const windowSeconds of [1, 2, 59, 60, 61, 100, 599, 600, 601, 1_800, 3_600]) {
    const result = stat(aggregate, { ...hour, windowSeconds }, end);
    assert.equal(result.rows[0]?.rps, 7, `${windowSeconds} s`);
    assert.ok(result.windowSeconds <= windowSeconds && result.windowSeconds > windowSeconds - 60);
  }
});

test("totals hold everything, whatever slots reports fall into, in whatever order, and whenever it is swept", () => {
  const times = fc.array(fc.tuple(fc.nat(7_000_000), fc.boolean()), { maxLength: 60 });
  fc.assert(
    fc.property(times, (reports) => {
      const aggregate = new Aggregate({ idleSeriesMs: 86_400_000 });
      reports.forEach(([ago, swept], index) => {
        const endMs = NOW - ago;
        aggregate.apply(decoded({ ...aReport, sequence: index + 1, startMs: endMs, endMs }), NOW);
        if (swept) aggregate.sweep(NOW);
      });
      const count = metricLines(aggregate).find((line) => line.startsWith("response_latency_ms_count"));
      assert.equal(count?.split(" ").at(-1), reports.length === 0 ? undefined : String(reports.length));
    }),
  );
});

test("a clock that runs ahead does not put a report where no question looks", () => {
  const aggregate = new Aggregate();
  aggregate.apply(decoded({ ...aReport, startMs: NOW + 3_599_000, endMs: NOW + 3_600_000 }), NOW);
  assert.equal(stat(aggregate, hour, NOW + 1_000).rows[0]?.requests, 1);
});

test("a report that comes late counts in the second that it is about", () => {
  const aggregate = new Aggregate();
  aggregate.apply(decoded({ ...aReport, sequence: 2, endMs: NOW }), NOW);
  aggregate.apply(decoded({ ...aReport, sequence: 1, startMs: NOW - 301_000, endMs: NOW - 300_000 }), NOW);
  assert.equal(stat(aggregate, { ...hour, windowSeconds: 60 }, NOW + 1_000).rows[0]?.requests, 1);
  assert.equal(stat(aggregate, { ...hour, windowSeconds: 600 }, NOW + 1_000).rows[0]?.requests, 2);
});

test("a report older than every window counts in the totals alone", () => {
  const aggregate = new Aggregate();
  aggregate.apply(decoded({ ...aReport, sequence: 2, endMs: NOW, rows: [] }), NOW);
  aggregate.apply(decoded({ ...aReport, startMs: 0, endMs: NOW - 86_400_000 }), NOW);
  assert.deepEqual(stat(aggregate, hour, NOW + 1_000).rows, []);
  assert.ok(metricLines(aggregate).some((line) => line.startsWith("request_total{") && line.endsWith(" 1")));
});

test("a service with too many labels is counted in its overflow rows, and others are not touched", () => {
  const aggregate = new Aggregate({ maxSeriesPerSource: 10, maxGroupsPerSource: 10 });
  for (let report = 1; report <= 20; report++) {
    const rows = Array.from({ length: 50 }, (_, index) => ({ ...aRow, route: `GET /${report}/${index}` }));
    aggregate.apply(decoded({ ...aReport, sequence: report, rows }), NOW);
  }
  aggregate.apply(
    decoded({ ...aReport, reporter: "default/shop", bootId: "b", rows: [{ ...aRow, source: "shop" }] }),
    NOW,
  );
  const rows = stat(aggregate, { ...hour, groupBy: "pair" }, NOW).rows;
  assert.deepEqual(
    rows.map(({ source, target, requests }) => [source, target, requests]),
    [
      ["shop", "users", 1],
      ["web", "overflow", 990],
      ["web", "users", 10],
    ],
  );
  assert.equal(aggregate.series.size, 12);
  assert.equal(aggregate.overflowedRows, 990);
  assert.ok(aggregate.labels.size < 30, "labels of folded rows are not kept");
});

test("failures stay failures in overflow rows", () => {
  const aggregate = new Aggregate({ maxSeriesPerSource: 0 });
  aggregate.apply(decoded({ ...aReport, rows: [aRow, { ...aRow, status: 503, failure: true }] }), NOW);
  assert.deepEqual(
    stat(aggregate, hour, NOW).rows.map(({ target, requests, failures }) => [target, requests, failures]),
    [["overflow", 2, 1]],
  );
});

test("services without end exhaust the mesh's own limit and nothing else", () => {
  const aggregate = new Aggregate({ maxSeries: 100, maxGroups: 100 });
  for (let service = 0; service < 1_000; service++) {
    aggregate.apply(
      decoded({ ...aReport, reporter: `default/s${service}`, rows: [{ ...aRow, source: `s${service}` }] }),
      NOW,
    );
  }
  const rows = stat(aggregate, { ...hour, groupBy: "pair" }, NOW).rows;
  assert.equal(
    rows.reduce((sum, row) => sum + row.requests, 0),
    1_000,
  );
  assert.ok(aggregate.series.size <= 111);
});

test("idle series leave the metrics, and all that is idle for longer than the longest window is dropped", () => {
  const aggregate = applyAll([aReport]);
  aggregate.sweep(NOW + 601_000);
  assert.equal(aggregate.series.size, 0);
  assert.equal(stat(aggregate, hour, NOW + 601_000).rows[0]?.requests, 1);
  aggregate.sweep(NOW + 4_000_000);
  assert.deepEqual([aggregate.groups.size, aggregate.labels.size], [0, 3]);
  assert.deepEqual(stat(aggregate, hour, NOW + 4_000_000).rows, []);
});

test("what returns after a sweep is counted anew beside what stayed", () => {
  fc.assert(
    fc.property(reportsArbitrary, reportsArbitrary, (before, after) => {
      const aggregate = applyAll(before);
      aggregate.sweep(NOW + 4_000_000);
      const moved = after.map((report) => ({
        ...report,
        startMs: report.startMs + 4_000_000,
        endMs: report.endMs + 4_000_000,
      }));
      const fresh = new Aggregate();
      for (const report of moved) {
        aggregate.apply(decoded({ ...report, bootId: "later" }), NOW + 4_000_000);
        fresh.apply(decoded({ ...report, bootId: "later" }), NOW + 4_000_000);
      }
      const rows = (one: Aggregate): unknown => withoutRates(stat(one, hour, NOW + 4_000_000));
      assert.deepEqual(rows(aggregate), rows(fresh));
    }),
  );
});

test("open connections are a gauge; those of a proxy that is gone are taken back", () => {
  const tcp = { ...aRow, opaque: true, route: "", method: "", status: 0, latency: [], count: 0 };
  const aggregate = applyAll([
    { ...aReport, rows: [{ ...tcp, openDelta: 5 }] },
    { ...aReport, sequence: 2, rows: [{ ...tcp, openDelta: -2, count: 2 }] },
    { ...aReport, bootId: "boot-2", rows: [{ ...tcp, openDelta: 1 }] },
  ]);
  const open = (): number | undefined => stat(aggregate, hour, NOW).rows[0]?.tcpOpen;
  assert.equal(open(), 4);
  assert.ok(metricLines(aggregate).some((line) => /^tcp_open_total\{.*\} 6$/.test(line)));
  assert.ok(metricLines(aggregate).some((line) => /^tcp_close_total\{.*\} 2$/.test(line)));
  aggregate.leave("default/web/boot-1");
  assert.equal(open(), 1);
  assert.deepEqual([...aggregate.bootsWithOpen()], ["default/web/boot-2"]);
});

test("a series with open connections is not idle", () => {
  const tcp = { ...aRow, opaque: true, status: 0, openDelta: 1, count: 0 };
  const aggregate = applyAll([{ ...aReport, rows: [tcp] }]);
  aggregate.sweep(NOW + 86_400_000);
  assert.equal(stat(aggregate, hour, NOW + 86_400_000).rows[0]?.tcpOpen, 1);
});

test("quantiles interpolate inside the bucket that holds them", () => {
  const counts = (entries: Record<number, number>): number[] => Array.from({ length: 26 }, (_, at) => entries[at] ?? 0);
  assert.equal(quantile(counts({}), 0.5), 0);
  assert.equal(quantile(counts({ 0: 10 }), 0.5), 0.5);
  assert.equal(quantile(counts({ 5: 100 }), 0.99), 9.95);
  assert.equal(quantile(counts({ 0: 50, 10: 50 }), 0.75), 75);
  assert.equal(quantile(counts({ 25: 1 }), 0.99), 50_000);
});

test("quantiles grow with their rank and stay within the bounds of a bucket that is not empty", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(100), { minLength: 26, maxLength: 26 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (counts, q) => {
        const low = quantile(counts, q / 2);
        const high = quantile(counts, q);
        assert.ok(low <= high && high <= 50_000 && low >= 0);
      },
    ),
  );
});
