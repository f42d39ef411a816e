import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { spawnDieWithParent } from "@patchbay/process";
import { GroupBy, type StatRow, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { eventually, freePort, startNats, transportAs } from "@patchbay/testkit";
import { connectEvents, noLog, STREAMS } from "@patchbay/wire";
import { createTestProxy, type TestProxy } from "./support/proxy.ts";
import { aReport, aRow, encode } from "./support/reports.ts";
import { createStream } from "./support/telemetry.ts";

const fixture = fileURLToPath(new URL("fixtures/telemetry-process.ts", import.meta.url));

interface Child {
  kill(): Promise<void>;
}

async function startChild(natsUrl: string, port: number, instance: string): Promise<Child> {
  const child: ChildProcess = spawnDieWithParent(process.execPath, [fixture, natsUrl, String(port), instance], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(child.stdout);
  await once(child.stdout, "data");
  return {
    async kill() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

interface Totals {
  reports: number;
  requests: number;
  failures: number;
  bytes: number;
}

/** Sends a report every few milliseconds until told to stop; `totals`: what it counts itself. */
async function generate(proxies: readonly TestProxy[], totals: Totals, signal: AbortSignal): Promise<void> {
  for (let sequence = 1; !signal.aborted; sequence++) {
    proxies.forEach((proxy, index) => {
      const count = 1 + ((sequence * 7 + index) % 50);
      const rows = [
        {
          ...aRow,
          target: "users",
          route: `GET /${sequence % 5}`,
          count,
          requestBytes: count * 3,
          latency: [3, count],
        },
        { ...aRow, target: "users", status: 500, failure: true, count: 1, requestBytes: 3, latency: [9, 1] },
      ];
      const endMs = Date.now();
      const report = { ...aReport, bootId: `proxy-${index}`, sequence, startMs: endMs - 10, endMs, rows };
      proxy.send(sequence, encode(report));
      totals.reports += 1;
      totals.requests += count + 1;
      totals.failures += 1;
      totals.bytes += (count + 1) * 3;
    });
    await delay(5);
  }
}

async function ask(address: string): Promise<StatRow | undefined> {
  const transport = transportAs(address, { kind: "operator" });
  try {
    const answer = await createClient(Telemetry, transport).stat({
      window: durationFromMs(3600000),
      groupBy: GroupBy.TARGET,
    });
    return answer.partial ? undefined : answer.rows[0];
  } finally {
    transport.close();
  }
}

async function storedReports(natsUrl: string): Promise<number> {
  const bus = await connectEvents({ servers: natsUrl, name: "counter", log: noLog });
  const { state } = await bus.admin().streams.info(STREAMS.report);
  await bus.close();
  return state.messages;
}

test("kill -9 of telemetry and of NATS, again and again under load, loses no report and counts none twice", async () => {
  await using nats = await startNats();
  await createStream(nats.url);
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  let telemetry = await startChild(nats.url, port, "life-0");
  await using one = createTestProxy(address);
  await using two = createTestProxy(address);
  const stop = new AbortController();
  const totals: Totals = { reports: 0, requests: 0, failures: 0, bytes: 0 };
  const generator = generate([one, two], totals, stop.signal);
  const another = async (reports: number): Promise<void> => {
    const before = totals.reports;
    await eventually(() => totals.reports >= before + reports);
  };
  for (let life = 1; life <= 3; life++) {
    await another(80);
    await telemetry.kill();
    if (life === 2) await nats.kill();
    if (life === 2) await nats.restart();
    telemetry = await startChild(nats.url, port, `life-${life}`);
  }
  await another(60);
  await nats.kill();
  await nats.restart();
  await another(60);
  stop.abort();
  await generator;
  await eventually(() => one.waiting() + two.waiting() === 0);
  assert.ok(totals.reports > 300, String(totals.reports));

  // The one that saw the end, and one that knows everything from the stream alone.
  await eventually(async () => Number((await ask(address))?.requests) === totals.requests);
  await telemetry.kill();
  telemetry = await startChild(nats.url, port, "reader");
  const row = await eventually(() => ask(address));
  assert.deepEqual(
    { requests: Number(row.requests), failures: Number(row.failures), bytes: Number(row.requestBytes) },
    { requests: totals.requests, failures: totals.failures, bytes: totals.bytes },
  );
  assert.equal(await storedReports(nats.url), totals.reports);
  await telemetry.kill();
});
