import assert from "node:assert/strict";
import { test } from "node:test";
import { Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import fc from "fast-check";
import { Aggregate } from "../../src/core/aggregate/aggregate.ts";
import { type HealthQuery, health } from "../../src/core/query/health.ts";
import { type HealthResult, mergeHealth } from "../../src/core/query/health-row.ts";
import {
  aDecision,
  aReport,
  aTargetsHealth,
  decoded,
  fullReportArbitrary,
  type TestReport,
} from "../support/reports.ts";

const NOW = 1_700_000_200_000;
const minute: HealthQuery = { windowSeconds: 60, source: "", target: "" };
const hour: HealthQuery = { ...minute, windowSeconds: 3_600 };

/** A report of the second that ends so long before NOW. */
function ago(ms: number, report: Partial<TestReport>): TestReport {
  return { ...aReport, rows: [], startMs: NOW - ms - 1_000, endMs: NOW - ms, ...report };
}

function applyAll(reports: readonly TestReport[], aggregate = new Aggregate()): Aggregate {
  for (const report of reports) aggregate.apply(decoded(report), report.endMs);
  return aggregate;
}

function rowsOf(result: HealthResult): unknown[] {
  return result.rows.map(({ source, target, backend, proxies, endpoints, ejected, outstanding }) =>
    [source, target, backend, proxies, endpoints, ejected, outstanding].join(" "),
  );
}

test("counts of a window are sums, gauges are the newest of each proxy", () => {
  const aggregate = applyAll([
    ago(2_000, { sequence: 1, health: [{ ...aTargetsHealth, endpoints: 9, outstanding: 100 }] }),
    ago(1_000, { sequence: 2, health: [{ ...aTargetsHealth, endpoints: 2, outstanding: 7 }] }),
    ago(1_000, { bootId: "boot-2", health: [{ ...aTargetsHealth, endpoints: 3, outstanding: 1 }] }),
  ]);
  const [row] = health(aggregate, minute, NOW).rows;
  assert.deepEqual(row, {
    source: "web",
    target: "users",
    backend: "users",
    proxies: 2,
    reporting: 2,
    endpoints: 3,
    ejected: 2,
    outstanding: 8,
    retryBudget: 25,
    ejections: 3,
    refused: 6,
    overloads: 9,
    retries: 12,
    retriesDenied: 15,
  });
});

test("an older report that comes late does not bring old gauges back", () => {
  const aggregate = applyAll([
    ago(1_000, { sequence: 2, health: [{ ...aTargetsHealth, endpoints: 2 }] }),
    ago(2_000, { sequence: 1, health: [{ ...aTargetsHealth, endpoints: 9 }] }),
  ]);
  assert.equal(health(aggregate, minute, NOW).rows[0]?.endpoints, 2);
});

test("gauges are forgotten three report intervals after the last report, counts stay for their window", () => {
  const aggregate = applyAll([ago(1_000, { health: [aTargetsHealth] })]);
  const at = (now: number) => {
    const [row] = health(aggregate, minute, now).rows;
    return [row?.reporting, row?.endpoints, row?.retryBudget, row?.proxies, row?.refused];
  };
  assert.deepEqual(at(NOW + 2_000), [1, 3, 12.5, 1, 2]);
  assert.deepEqual(at(NOW + 2_001), [0, 0, 0, 1, 2]);
  assert.deepEqual(health(aggregate, minute, NOW + 61_000).rows, []);
  assert.equal(health(aggregate, hour, NOW + 61_000).rows[0]?.refused, 2);
});

test("a proxy whose clock is slow is believed as long as others", () => {
  const aggregate = new Aggregate();
  aggregate.apply(decoded(ago(30_000, { health: [aTargetsHealth] })), NOW);
  assert.equal(health(aggregate, minute, NOW + 3_000).rows[0]?.reporting, 1);
  assert.equal(health(aggregate, minute, NOW + 3_001).rows[0]?.reporting, 0);
});

test("a service that makes up proxies takes no other's room", () => {
  const aggregate = new Aggregate();
  const many = Array.from({ length: 500 }, (_, index) => ({ ...aTargetsHealth, target: `t${index}` }));
  const rounds = Array.from({ length: 41 }, (_, index) => ago(1_000, { bootId: `made-up-${index}`, health: many }));
  applyAll([...rounds, ago(1_000, { reporter: "default/shop", health: [aTargetsHealth] })], aggregate);
  const { rows } = health(aggregate, minute, NOW);
  assert.equal(rows.find(({ source }) => source === "shop")?.reporting, 1);
  assert.equal(
    rows.filter(({ source }) => source === "web").reduce((sum, row) => sum + row.proxies, 0),
    20_000,
  );
});

test("a proxy that reports seldom is believed for longer", () => {
  const aggregate = applyAll([
    ago(0, { startMs: NOW - 10_000, endMs: NOW, health: [aTargetsHealth] }),
    // Its last report is cut short.
    ago(0, { sequence: 2, startMs: NOW - 100, endMs: NOW, health: [aTargetsHealth] }),
  ]);
  assert.equal(health(aggregate, minute, NOW + 30_000).rows[0]?.reporting, 1);
  assert.equal(health(aggregate, minute, NOW + 30_001).rows[0]?.reporting, 0);
});

test("backends of a target are told apart, and the target is its own backend when nothing else was chosen", () => {
  const of = (backend: string, endpoints: number) => ({
    ...aTargetsHealth,
    backend,
    endpoints,
    ejected: 0,
    outstanding: 0,
  });
  const aggregate = applyAll([ago(1_000, { health: [of("", 1), of("users-v2", 2), of("users", 4)] })]);
  assert.deepEqual(rowsOf(health(aggregate, minute, NOW)), ["web users users 1 4 0 0", "web users users-v2 1 2 0 0"]);
});

test("a question names source and target exactly", () => {
  const aggregate = applyAll([
    ago(1_000, { health: [aTargetsHealth, { ...aTargetsHealth, target: "orders" }], decisions: [aDecision] }),
    ago(1_000, { reporter: "demo/shop", health: [aTargetsHealth], decisions: [{ ...aDecision, source: "bank" }] }),
  ]);
  const pairs = (query: Partial<HealthQuery>): string[] =>
    health(aggregate, { ...minute, ...query }, NOW).rows.map(({ source, target }) => `${source} ${target}`);
  assert.deepEqual(pairs({}), ["web orders", "shop.demo users", "web users"]);
  assert.deepEqual(pairs({ source: "shop.demo" }), ["shop.demo users"]);
  assert.deepEqual(pairs({ target: "orders" }), ["web orders"]);
  const decided = health(aggregate, { ...minute, source: "bank" }, NOW).decisions;
  assert.deepEqual(
    decided.map(({ target, source }) => [target, source]),
    [["shop.demo", "bank"]],
  );
});

test("decisions are counted by policy, source and verdict, for the service whose proxies decided", () => {
  const aggregate = applyAll([
    ago(2_000, { reporter: "demo/users", sequence: 1, decisions: [{ ...aDecision, count: 3 }] }),
    ago(1_000, {
      reporter: "demo/users",
      sequence: 2,
      decisions: [aDecision, { ...aDecision, verdict: Verdict.FAILED_OPEN, policy: "RateLimitPolicy demo/all" }],
    }),
  ]);
  assert.deepEqual(health(aggregate, minute, NOW).decisions, [
    {
      target: "users.demo",
      policy: "AuthorizationPolicy default/no-staging",
      source: "web",
      verdict: Verdict.DENIED,
      count: 4,
    },
    { target: "users.demo", policy: "RateLimitPolicy demo/all", source: "web", verdict: Verdict.FAILED_OPEN, count: 1 },
  ]);
});

test("replicas that share the reports among them answer together as one that has all", () => {
  const reports = fc
    .array(fullReportArbitrary, { maxLength: 8 })
    .map((all) => all.map((report, index) => ({ ...report, sequence: index + 1, bootId: `boot-${index}` })));
  fc.assert(
    fc.property(reports, fc.nat(7), (all, at) => {
      const parts = [all.slice(0, at), all.slice(at)].map((part) => health(applyAll(part), hour, NOW));
      const merged = mergeHealth(parts);
      const whole = health(applyAll(all), hour, NOW);
      assert.deepEqual([merged.rows, merged.decisions], [whole.rows, whole.decisions]);
    }),
  );
});

test("counts equal those of a naive model, however often reports come", () => {
  const reports = fc
    .array(fullReportArbitrary, { maxLength: 8 })
    .map((all) => all.map((report, index) => ({ ...report, sequence: index + 1 })));
  fc.assert(
    fc.property(reports, (all) => {
      const { rows, decisions } = health(applyAll([...all, ...all]), hour, NOW);
      const said = all.flatMap((report) => report.health ?? []);
      const decided = all.flatMap((report) => report.decisions ?? []);
      const sum = <Of>(of: readonly Of[], pick: (one: Of) => number): number =>
        of.reduce((total, one) => total + pick(one), 0);
      for (const column of ["ejections", "refused", "overloads", "retries", "retriesDenied"] as const)
        assert.equal(
          sum(rows, (row) => row[column]),
          sum(said, (entry) => entry[column]),
        );
      assert.equal(
        sum(decisions, (row) => row.count),
        sum(decided, (decision) => decision.count),
      );
    }),
  );
});

test("a service with too many targets is counted in its overflow entry, and others are not touched", () => {
  const aggregate = new Aggregate({ maxHealthPerSource: 3, maxDecisionsPerSource: 3 });
  const many = Array.from({ length: 10 }, (_, index) => ({ ...aTargetsHealth, target: `t${index}` }));
  const policies = Array.from({ length: 10 }, (_, index) => ({ ...aDecision, policy: `p${index}` }));
  applyAll(
    [
      ago(1_000, { health: many, decisions: policies }),
      ago(1_000, { reporter: "default/shop", health: many.slice(9), decisions: policies.slice(9) }),
    ],
    aggregate,
  );
  const result = health(aggregate, minute, NOW);
  assert.deepEqual(
    result.rows.map(({ source, target, refused, proxies }) => [source, target, refused, proxies]),
    [
      ["web", "overflow", 14, 0],
      ["web", "t0", 2, 1],
      ["web", "t1", 2, 1],
      ["web", "t2", 2, 1],
      ["shop", "t9", 2, 1],
    ],
  );
  assert.equal(result.decisions.find(({ policy }) => policy === "overflow")?.count, 7);
  assert.equal(aggregate.overflowedRows, 14);
  assert.ok(aggregate.labels.size < 20, "labels of folded entries are not kept");
});

test("services without end exhaust the mesh's own limit and nothing else", () => {
  const aggregate = new Aggregate({ maxExtras: 20 });
  for (let service = 0; service < 100; service++)
    applyAll([ago(1_000, { reporter: `default/s${service}`, health: [aTargetsHealth] })], aggregate);
  const { rows } = health(aggregate, minute, NOW);
  assert.equal(
    rows.reduce((sum, row) => sum + row.refused, 0),
    200,
  );
  assert.ok(rows.length <= 23);
});

test("what is idle for longer than the longest window is dropped with its labels", () => {
  const aggregate = applyAll([ago(0, { health: [aTargetsHealth], decisions: [aDecision] })]);
  aggregate.sweep(NOW + 3_600_000);
  assert.equal(aggregate.extras.health.size, 1);
  aggregate.sweep(NOW + 4_000_000);
  assert.deepEqual([aggregate.extras.health.size, aggregate.extras.decisions.size, aggregate.labels.size], [0, 0, 3]);
});
