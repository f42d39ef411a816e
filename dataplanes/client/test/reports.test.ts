import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { Clock } from "@patchbay/model";
import { type Report, ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import type { RunningServer } from "@patchbay/runtime";
import { createFakeClock, eventually } from "@patchbay/testkit";
import { noLog, systemClock } from "@patchbay/wire";
import { createReporter, REPORTER_LIMITS, type Reporter, type ReportWindow } from "../src/reports.ts";
import { proxyTransport, serveCore } from "./support/core-server.ts";

interface FakeTelemetry {
  readonly address: string;
  readonly reports: Report[];
  /** What it does with the next reports. */
  mode: "store" | "silent" | "refuse" | "break";
  die(): Promise<void>;
  comeBack(): Promise<void>;
}

async function startTelemetry(): Promise<FakeTelemetry> {
  const reports: Report[] = [];
  const serveReports = (port: number): Promise<RunningServer> =>
    serveCore(
      (router) =>
        router.service(Telemetry, {
          async *report(requests) {
            for await (const { report } of requests) {
              const decoded = fromBinary(ReportSchema, report);
              reports.push(decoded);
              if (fake.mode === "break") throw new ConnectError("cannot store events", Code.Unavailable);
              if (fake.mode === "silent") continue;
              yield { sequence: decoded.sequence, rejectionReason: fake.mode === "refuse" ? "too large" : "" };
            }
          },
        }),
      port,
    );
  let server = await serveReports(0);
  const { address, port } = server;
  const fake: FakeTelemetry = {
    address,
    reports,
    mode: "store",
    die: () => server.stop(),
    async comeBack() {
      server = await serveReports(port);
    },
  };
  return fake;
}

/** Counts per sequence, each sequence once, as telemetry applies them. */
function applied(...sources: readonly (readonly Report[])[]): number {
  const once = new Map(sources.flat().map((report) => [report.sequence, report]));
  return [...once.values()].flatMap((report) => report.rows).reduce((sum, row) => sum + row.count, 0);
}

describe("reporter", () => {
  let telemetry: FakeTelemetry;
  let replicas: FakeTelemetry[];
  let reporter: Reporter;
  const transports = new Map<string, ReturnType<typeof proxyTransport>>();

  function start(limits = REPORTER_LIMITS, clock: Clock = systemClock): void {
    reporter = createReporter({
      take,
      bootId: "boot-1",
      intervalMs: 10,
      addresses: () => replicas.map(({ address }) => address),
      at(address): Transport {
        const known = transports.get(address) ?? proxyTransport(address);
        transports.set(address, known);
        return known;
      },
      log: noLog,
      limits,
      clock,
    });
  }

  /** Requests in all, and those that no report has counted yet. */
  let sent = 0;
  let counted = 0;
  function request(): void {
    sent += 1;
    counted += 1;
  }

  function take({ sequence, startMs, endMs }: ReportWindow): Uint8Array | undefined {
    if (counted === 0) return undefined;
    const window = { sequence: BigInt(sequence), startMs: BigInt(startMs), endMs: BigInt(endMs) };
    const report = create(ReportSchema, { bootId: "boot-1", ...window, rows: [{ count: counted }] });
    counted = 0;
    return toBinary(ReportSchema, report);
  }

  async function load(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      request();
      if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  beforeEach(async () => {
    telemetry = await startTelemetry();
    replicas = [telemetry];
    sent = 0;
    counted = 0;
  });
  afterEach(async () => {
    reporter.stop();
    for (const transport of transports.values()) transport.close();
    transports.clear();
    for (const replica of replicas) await replica.die();
  });

  test("sends what was counted, numbered from 1 without gaps", async () => {
    start();
    await load(100);
    await reporter.flush(20_000);
    assert.equal(applied(telemetry.reports), 100);
    assert.deepEqual(
      telemetry.reports.map((report) => Number(report.sequence)),
      telemetry.reports.map((_, index) => index + 1),
    );
    assert.ok(telemetry.reports.every((report) => report.bootId === "boot-1" && report.endMs >= report.startMs));
    assert.equal(reporter.stats().waiting, 0);
  });

  test("nothing counted is no report", async () => {
    const clock = createFakeClock();
    start(REPORTER_LIMITS, clock);
    await clock.advance(60);
    await reporter.flush(100);
    assert.equal(reporter.stats().made, 0);
  });

  test("while telemetry is away intervals become one report, and everything arrives once it is back", async () => {
    start();
    await load(50);
    await eventually("it was stored", () => reporter.stats().waiting === 0);
    await telemetry.die();
    await load(500);
    assert.ok(reporter.stats().made < 20, `${reporter.stats().made} reports`);
    await telemetry.comeBack();
    reporter.retryNow();
    await load(50);
    await reporter.flush(20_000);
    assert.equal(applied(telemetry.reports), sent);
    assert.equal(reporter.stats().waiting, 0);
  });

  test("what was sent and not acknowledged is sent again on the next stream", async () => {
    start();
    telemetry.mode = "silent";
    request();
    await eventually("it arrived", () => telemetry.reports.length === 1);
    telemetry.mode = "break";
    request();
    await eventually("the stream broke", () => telemetry.reports.length >= 2);
    telemetry.mode = "store";
    await reporter.flush(20_000);
    assert.equal(applied(telemetry.reports), sent);
    assert.ok(telemetry.reports.filter((report) => report.sequence === 1n).length >= 2);
  });

  test("reports that wait are bounded, and the table goes on counting", async () => {
    start({ maxReports: 3, maxBytes: 1_000_000 });
    telemetry.mode = "silent";
    await load(300);
    await eventually("there is no room", () => reporter.stats().made === 3);
    await load(50);
    assert.equal(reporter.stats().made, 3);
    telemetry.mode = "break";
    await telemetry.die();
    telemetry.mode = "store";
    await telemetry.comeBack();
    await eventually("they were stored", () => reporter.stats().stored >= 3);
    await reporter.flush(20_000);
    assert.equal(applied(telemetry.reports), sent);
  });

  test("a refused report is counted and not sent again", async () => {
    start();
    telemetry.mode = "refuse";
    request();
    await eventually("it was refused", () => reporter.stats().refused === 1);
    assert.equal(reporter.stats().waiting, 0);
  });

  test("goes to another replica when its own is gone", async () => {
    replicas.push(await startTelemetry());
    start();
    request();
    await eventually("it was stored", () => reporter.stats().stored === 1);
    const own = replicas.find((replica) => replica.reports.length > 0);
    await own?.die();
    request();
    await reporter.flush(20_000);
    assert.equal(applied(...replicas.map((replica) => replica.reports)), sent);
    assert.ok(replicas.every((replica) => replica.reports.length > 0));
  });

  test("a flush without telemetry ends in its time", async () => {
    replicas = [];
    start();
    request();
    await reporter.flush(50);
    assert.equal(reporter.stats().waiting, 1);
    await telemetry.die();
  });
});
