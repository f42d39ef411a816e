import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { LATENCY_BUCKETS, latencyBucket, tryParseAuthority } from "@patchbay/model";
import { type Report, ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { closedPort } from "@patchbay/testkit";
import { BALANCER_DEFAULTS } from "../../src/core/balancing/balancer-defaults.ts";
import { createTarget, type Target } from "../../src/core/balancing/target.ts";
import { createTargetHealth, type HealthRow } from "../../src/core/balancing/target-health.ts";
import { createHealthPart } from "../../src/core/report/health-part.ts";
import { createRecorder } from "../../src/core/report/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "../../src/core/report/report-table.ts";
import { Outcome } from "../../src/core/routing/resolution.ts";
import { endpoints, seeded } from "../support/simulation.ts";
import { callUsers, rulesFor, share, startSteered } from "../support/steering.ts";
import { startApp } from "../support/wire.ts";

const USERS = "users.default.svc.cluster.local:80";
const NEXT = "users-next.default.svc.cluster.local:80";
const NONE: ReadonlySet<string> = new Set();
const WINDOW = { bootId: "boot", sequence: 1, startMs: 0, endMs: 1_000, reporter: "default/web" };

function users(...authorities: string[]): Target {
  const authority = tryParseAuthority("users", "default");
  assert.ok(authority);
  const target = createTarget(authority, { ...BALANCER_DEFAULTS, maxOutstanding: 2, random: seeded(1), now: () => 0 });
  const branches = authorities.map((each, index) => ({
    weight: 1,
    authority: each,
    outcome: Outcome.ENDPOINTS,
    endpoints: endpoints(4).slice(index * 2, index * 2 + 2),
    resolver: "",
    reason: "",
  }));
  target.update({ branches, incomplete: false });
  return target;
}

function healthOf(target: Target) {
  const health = createTargetHealth({ target: "users", retries: target.retries, ledger: target.ledger });
  return { health, pending: () => health.pending(target.paths()), take: () => health.take(target.paths()) };
}

function pick(target: Target) {
  const route = target.route();
  assert.equal(route.kind, "mesh");
  return route.pick(NONE);
}

function pickAndEnd(target: Target): string | undefined {
  const chosen = pick(target);
  chosen?.end(undefined);
  return chosen?.backend;
}

describe("health of a target", () => {
  test("is told when it was used, and afterwards only when a gauge has changed", () => {
    const target = users(USERS);
    const { health, pending, take } = healthOf(target);
    assert.deepEqual([pending(), take()], [false, []]);
    health.used("");
    const held = pick(target);
    assert.ok(pending());
    assert.deepEqual(take(), [
      {
        target: "users",
        backend: "",
        endpoints: 2,
        ejected: 0,
        outstanding: 1,
        retryBudget: 100,
        ejections: 0,
        refused: 0,
        overloads: 0,
        retries: 0,
        retriesDenied: 0,
      },
    ]);
    assert.equal(pending(), false);
    held?.end({ failed: false, latencyMs: 1 });
    assert.ok(pending());
    assert.equal(take()[0]?.outstanding, 0);
    assert.deepEqual([pending(), take()], [false, []]);
  });

  test("counts ejections, picks that found everything taken, and what attempts came to, each once", () => {
    const target = users(USERS);
    const { health, take } = healthOf(target);
    health.used("");
    for (let i = 0; i < 30; i += 1) pick(target)?.end({ failed: true, latencyMs: 1 });
    for (let i = 0; i < 5; i += 1) pick(target);
    for (const event of ["refused", "retries", "retries", "retriesDenied", "overloads"] as const)
      target.ledger.count(event, "");
    const [row] = take();
    assert.deepEqual(
      [row?.ejected, row?.ejections, row?.overloads, row?.refused, row?.retries, row?.retriesDenied],
      [2, 2, 2, 1, 2, 1],
    );
    health.used("");
    const [next] = take();
    assert.deepEqual([next?.ejected, next?.ejections, next?.overloads, next?.retries], [2, 0, 0, 0]);
  });

  test("of a split tells each branch by its service, and so do its picks", () => {
    const target = users(USERS, NEXT);
    const { health, take } = healthOf(target);
    for (const backend of ["", "users-next"]) health.used(backend);
    const backends = new Set(Array.from({ length: 20 }, () => pickAndEnd(target)));
    assert.deepEqual(backends, new Set(["", "users-next"]));
    target.ledger.count("retries", "users-next");
    assert.deepEqual(
      take().map((row) => [row.backend, row.endpoints, row.retries]),
      [
        ["", 2, 0],
        ["users-next", 2, 1],
      ],
    );
  });

  test("of a backend that is none any more still has its counts", () => {
    const target = users(USERS);
    target.ledger.count("refused", "gone");
    assert.deepEqual(
      healthOf(target)
        .take()
        .map((row) => [row.backend, row.endpoints, row.refused]),
      [["gone", 0, 1]],
    );
  });
});

describe("health in reports", () => {
  function reportOf(rows: readonly HealthRow[], maxStringBytes = REPORT_LIMITS.maxStringBytes): Report {
    const part = createHealthPart({ pending: () => true, take: () => rows });
    const settings = { ...REPORT_LIMITS, maxStringBytes, buckets: LATENCY_BUCKETS, bucketOf: latencyBucket };
    const table = createReportTable({ ...settings, parts: [part] });
    const bytes = table.take(WINDOW);
    assert.ok(bytes);
    assert.ok(bytes.length < 430_080);
    return fromBinary(ReportSchema, bytes);
  }

  const row = (target: string): HealthRow => ({
    target,
    backend: "users-next",
    endpoints: 4_294_967_295,
    ejected: 4_294_967_295,
    outstanding: 4_294_967_295,
    retryBudget: 1e9,
    ejections: 4_294_967_295,
    refused: 4_294_967_295,
    overloads: 4_294_967_295,
    retries: 4_294_967_295,
    retriesDenied: 4_294_967_295,
  });

  test("goes out without rows, its names among the report's texts", () => {
    const { health, strings, rows } = reportOf([row("users")]);
    assert.equal(rows.length, 0);
    assert.deepEqual(
      health.map((each) => [strings[each.target], strings[each.backend], each.endpoints]),
      [["users", "users-next", 4_294_967_295]],
    );
  });

  test("is bounded in rows and in texts", () => {
    const many = Array.from({ length: 2_000 }, (_, index) => row(`${"t".repeat(200)}${index}`));
    assert.equal(reportOf(many).health.length, 500);
    assert.ok(reportOf(many, 2_000).health.length < 12);
  });

  test("rows tell the backend, and requests of two backends are two rows", () => {
    const table = createReportTable({ ...REPORT_LIMITS, buckets: LATENCY_BUCKETS, bucketOf: latencyBucket });
    const recorder = createRecorder(table);
    const record = {
      direction: "outbound",
      source: "web",
      target: "users",
      method: "GET",
      path: "/",
      status: 200,
    } as const;
    const rest = { grpcStatus: undefined, tls: false, latencyMs: 1, requestBytes: 0, responseBytes: 0, attempts: 1 };
    for (const backend of ["", "users-next", "users-next"])
      recorder.request({ ...record, ...rest, opaque: false, backend });
    const { rows, strings } = fromBinary(ReportSchema, table.take(WINDOW) ?? new Uint8Array());
    assert.deepEqual(
      rows.map((each) => [strings[each.target], strings[each.backend], each.count]),
      [
        ["users", "", 1],
        ["users", "users-next", 2],
      ],
    );
  });
});

describe("health of a router's names", () => {
  test("refused connections and retries are those of the backend that a rule chose", async () => {
    await using app = await startApp((_request, response) => response.end("ok"));
    const closed = await closedPort();
    await using world = await startSteered({ users: [app.port], "users-next": [closed, app.port] });
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    for (let i = 0; i < 6; i += 1) assert.equal((await callUsers(world.proxy.outboundPort)).status, 200);
    assert.ok(world.router.pending());
    const rows = world.router.take();
    const next = rows.find(({ backend }) => backend === "users-next");
    assert.deepEqual([rows.length, next?.target, next?.endpoints], [1, "users", 2]);
    assert.ok(next && next.refused > 0 && next.refused === next.retries);
    assert.equal(world.router.pending(), false);
    const states = world.router.states("users").map((state) => [state.backend, state.endpoint.port, state.state]);
    assert.deepEqual(states, [
      ["", app.port, "admitted"],
      ["users-next", closed, "admitted"],
      ["users-next", app.port, "admitted"],
    ]);
    assert.deepEqual(world.router.states("nobody"), []);
  });
});
