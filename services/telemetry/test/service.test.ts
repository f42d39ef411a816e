import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { preciseMs } from "@patchbay/model";
import {
  GroupBy,
  type HealthResponse,
  type StatResponse,
  Telemetry,
} from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { eventually, startNats, type TestNats, testToken, transportAs } from "@patchbay/testkit";
import { connectEvents, noLog, readCloudEvent, STREAMS } from "@patchbay/wire";
import { createReportEvents } from "../src/sources/report-events.ts";
import { readOpenMetrics } from "./support/openmetrics.ts";
import { createTestProxy } from "./support/proxy.ts";
import {
  aDecision,
  anExemplar,
  aReport,
  aRow,
  aTargetsHealth,
  decoded,
  encode,
  type TestReport,
} from "./support/reports.ts";
import { createStream, type RunningTelemetry, startTelemetry } from "./support/telemetry.ts";

let nats: TestNats;

before(async () => {
  nats = await startNats();
  await createStream(nats.url);
});

after(() => nats.stop());

function fresh(report: Partial<TestReport>): TestReport {
  const endMs = Date.now();
  return { ...aReport, startMs: endMs - 1_000, endMs, ...report };
}

async function statOf(telemetry: RunningTelemetry, query: object = {}): Promise<StatResponse> {
  const transport = transportAs(telemetry.address, { kind: "operator" });
  try {
    return await createClient(Telemetry, transport).stat({
      window: durationFromMs(3600000),
      groupBy: GroupBy.PAIR,
      ...query,
    });
  } finally {
    transport.close();
  }
}

function requests(response: StatResponse, target: string): number {
  return response.rows.filter((row) => row.target === target).reduce((sum, row) => sum + Number(row.requests), 0);
}

/** Waits until a replica has read what was reported before. */
async function whole(telemetry: RunningTelemetry): Promise<RunningTelemetry> {
  await eventually(async () => !(await statOf(telemetry)).partial);
  return telemetry;
}

/** Requests to a target, once the second in which they were reported is over. */
async function settled(telemetry: RunningTelemetry, target: string, count: number): Promise<void> {
  await eventually(async () => requests(await statOf(telemetry), target) === count);
}

/** Headers of the last event with this subject. */
async function lastHeaders(subject: string): Promise<ReadonlyMap<string, string>> {
  const bus = await connectEvents({ servers: nats.url, name: "reader", log: noLog });
  try {
    const message = await bus.admin().streams.getMessage(STREAMS.report, { last_by_subj: subject });
    return new Map(message?.header.keys().map((name) => [name, message.header.get(name)]));
  } finally {
    await bus.close();
  }
}

// Together, because most of the time they wait for a second to end.
describe("telemetry", { concurrency: 8 }, () => {
  test("a report is stored as an event, acknowledged and counted", async () => {
    await using telemetry = await startTelemetry(nats.url);
    await using proxy = createTestProxy(telemetry.address, "first-caller");
    const rows = [{ ...aRow, source: "first-caller", target: "first", count: 4, latency: [5, 4] }];
    proxy.send(1, encode(fresh({ bootId: "stored-1", reporter: "default/first-caller", rows })));
    await eventually(() => proxy.waiting() === 0);
    await settled(telemetry, "first", 4);
    const [row] = (await statOf(telemetry, { target: "first" })).rows;
    assert.deepEqual([row?.source, preciseMs(row?.p50), row?.failures], ["first-caller", 7.5, 0n]);

    const headers = await lastHeaders("mesh.event.report.standard.default.first-caller");
    const event = readCloudEvent(headers);
    assert.deepEqual(
      [event?.id, event?.source, event?.type, event?.subject],
      ["stored-1:1", "/mesh/proxies/default/first-caller", "dev.patchbay.report.v1", "default/first-caller"],
    );
    assert.equal(headers.get("mesh-replica"), telemetry.instance);
  });

  test("a report that comes again is acknowledged again and counts once", async () => {
    await using telemetry = await startTelemetry(nats.url);
    const report = encode(fresh({ bootId: "again-1", rows: [{ ...aRow, target: "again" }] }));
    for (let round = 0; round < 3; round++) {
      await using proxy = createTestProxy(telemetry.address);
      proxy.send(1, report);
      await eventually(() => proxy.waiting() === 0);
    }
    await settled(telemetry, "again", 1);
  });

  test("a report that was stored before the crash but not acknowledged counts once, whether it is sent again or replayed first", async () => {
    const bus = await connectEvents({ servers: nats.url, name: "crashed", log: noLog });
    const crashed = createReportEvents(bus, "crashed-replica", 1_000_000);
    const report = fresh({ bootId: "crash-1", rows: [{ ...aRow, target: "crashed" }] });
    assert.equal((await crashed.publish(decoded(report))).duplicate, false);
    await bus.close();

    await using resentFirst = await startTelemetry(nats.url);
    {
      await using proxy = createTestProxy(resentFirst.address);
      proxy.send(1, encode(report));
      await eventually(() => proxy.waiting() === 0);
    }
    await settled(await whole(resentFirst), "crashed", 1);
    await resentFirst.stop();

    await using replayedFirst = await whole(await startTelemetry(nats.url));
    await settled(replayedFirst, "crashed", 1);
    await using proxy = createTestProxy(replayedFirst.address);
    proxy.send(1, encode(report));
    await eventually(() => proxy.waiting() === 0);
    await settled(replayedFirst, "crashed", 1);
  });

  test("a replica that starts reads the last hour, and says that its answers are partial until it has", async () => {
    {
      await using telemetry = await startTelemetry(nats.url);
      await using proxy = createTestProxy(telemetry.address);
      for (let sequence = 1; sequence <= 20; sequence++) {
        proxy.send(
          sequence,
          encode(
            fresh({
              bootId: "before",
              sequence,
              rows: [{ ...aRow, target: "history", count: 2 }],
              health: [{ ...aTargetsHealth, target: "history" }],
            }),
          ),
        );
      }
      await eventually(() => proxy.waiting() === 0);
    }
    await using later = await startTelemetry(nats.url);
    await settled(await whole(later), "history", 40);
    const transport = transportAs(later.address, { kind: "operator" });
    const window = durationFromMs(3_600_000);
    const { rows } = await createClient(Telemetry, transport).health({ window, target: "history" });
    transport.close();
    assert.deepEqual([rows.length, rows[0]?.proxies, rows[0]?.refused], [1, 1, 40n]);
  });

  test("replicas answer together, each report once, and name the one that does not answer", async () => {
    await using one = await whole(await startTelemetry(nats.url));
    await using two = await startTelemetry(nats.url);
    two.meet([one]);
    one.meet([two]);
    await whole(two);
    const report = encode(fresh({ bootId: "shared-1", rows: [{ ...aRow, target: "shared", count: 3 }] }));
    await using first = createTestProxy(one.address);
    first.send(1, report);
    await eventually(() => first.waiting() === 0);
    // The acknowledgement was lost, so the proxy turned to the other replica.
    await using second = createTestProxy(two.address);
    second.send(1, report);
    second.send(2, encode(fresh({ bootId: "shared-1", sequence: 2, rows: [{ ...aRow, target: "shared", count: 4 }] })));
    await eventually(() => second.waiting() === 0);
    await settled(one, "shared", 7);
    await settled(two, "shared", 7);

    await two.stop();
    const response = await statOf(one);
    assert.deepEqual([response.partial, response.missing], [true, [two.instance]]);
    assert.equal(requests(response, "shared"), 3);
  });

  test("a replica that starts beside a living one leaves to it what it counts, and adopts what a dead one left", async () => {
    await using alive = await whole(await startTelemetry(nats.url));
    await using dead = await startTelemetry(nats.url);
    dead.meet([alive]);
    await whole(dead);
    for (const [replica, sequence] of [
      [alive, 1],
      [dead, 2],
    ] as const) {
      await using proxy = createTestProxy(replica.address);
      proxy.send(
        sequence,
        encode(fresh({ bootId: "heirs", sequence, rows: [{ ...aRow, target: "heirs", count: sequence }] })),
      );
      await eventually(() => proxy.waiting() === 0);
    }
    await dead.stop();
    await using heir = await startTelemetry(nats.url);
    heir.meet([alive, { instance: dead.instance, address: dead.address }]);
    await settled(heir, "heirs", 3);
    const { missing } = await statOf(heir);
    assert.deepEqual(missing, [], "what was adopted is not missing");
  });

  test("a refused report is named with the reason, and the stream goes on", async () => {
    await using telemetry = await startTelemetry(nats.url);
    await using proxy = createTestProxy(telemetry.address);
    proxy.send(1, encode(fresh({ bootId: "bad-1", rows: [{ ...aRow, latency: [99, 1] }] })));
    proxy.send(2, encode(fresh({ bootId: "bad-1", sequence: 2, reporter: "default/bank" })));
    proxy.send(3, encode(fresh({ bootId: "bad-1", sequence: 3, rows: [{ ...aRow, target: "good" }] })));
    await eventually(() => proxy.waiting() === 0);
    assert.match(proxy.refused.get(1) ?? "", /latency bucket 99/);
    assert.match(proxy.refused.get(2) ?? "", /speaks for "default\/bank", but the token proves "default\/web"/);
    assert.deepEqual([...proxy.refused.keys()], [1, 2]);
    await settled(telemetry, "good", 1);
  });

  test("a report too large for the event stream is refused with the limit", async () => {
    await using telemetry = await startTelemetry(nats.url);
    await using proxy = createTestProxy(telemetry.address);
    const rows = Array.from({ length: 400 }, (_, index) => ({ ...aRow, route: `GET /${index}/${"x".repeat(1_000)}` }));
    proxy.send(1, encode(fresh({ bootId: "large-1", rows })));
    await eventually(() => proxy.waiting() === 0);
    assert.match(proxy.refused.get(1) ?? "", /bytes; the event stream takes 260096: send fewer rows/);
  });

  test("what is no report at all ends the stream with INVALID_ARGUMENT", async () => {
    await using telemetry = await startTelemetry(nats.url);
    await using proxy = createTestProxy(telemetry.address);
    proxy.send(1, Uint8Array.of(0xff, 0xff));
    await eventually(() => proxy.errors.some((error) => /invalid_argument.*not a report/.test(error)));
  });

  test("only proxies report, and only operators and core services ask", async () => {
    await using telemetry = await startTelemetry(nats.url);
    const operator = transportAs(telemetry.address, { kind: "operator" });
    const proxy = transportAs(telemetry.address, { kind: "proxy" });
    async function* one(): AsyncGenerator<{ report: Uint8Array<ArrayBuffer> }> {
      yield { report: new Uint8Array(encode(fresh({}))) };
    }
    await assert.rejects(async () => {
      for await (const answer of createClient(Telemetry, operator).report(one())) assert.fail(String(answer.sequence));
    }, /permission_denied.*allowed: proxy/);
    await assert.rejects(createClient(Telemetry, proxy).stat({}), /permission_denied/);
    operator.close();
    proxy.close();
  });

  test("a question outside of the limits is answered with the limit", async () => {
    await using telemetry = await startTelemetry(nats.url);
    await assert.rejects(
      statOf(telemetry, { window: durationFromMs(3601000) }),
      /invalid_argument.*window is 3601 s; it may be 1 to 3600 seconds/,
    );
    await assert.rejects(statOf(telemetry, { groupBy: 9 }), /group_by 9 is not known/);
  });

  test("subscribers get an answer now and after every interval", async () => {
    await using telemetry = await startTelemetry(nats.url);
    const transport = transportAs(telemetry.address, { kind: "operator" });
    const stopping = new AbortController();
    const seen: StatResponse[] = [];
    const call = createClient(Telemetry, transport).subscribe(
      { interval: durationFromMs(1000) },
      { signal: stopping.signal },
    );
    await assert.rejects(async () => {
      for await (const response of call) if (seen.push(response) === 2) stopping.abort();
    }, /canceled|aborted/);
    assert.equal(seen.length, 2);
    transport.close();
  });

  test("metrics are served as Prometheus text beside the service's own, and as OpenMetrics when asked for", async () => {
    await using telemetry = await startTelemetry(nats.url);
    await using proxy = createTestProxy(telemetry.address);
    const rows = [{ ...aRow, target: "measured" }];
    proxy.send(1, encode(fresh({ bootId: "metrics-1", rows, exemplars: [anExemplar] })));
    await eventually(() => proxy.waiting() === 0);
    const authorization = `Bearer ${testToken({ kind: "operator" })}`;
    const read = (accept: string): Promise<Response> =>
      fetch(`${telemetry.address}/metrics`, { headers: { authorization, accept } });
    const plain = await read("*/*");
    assert.equal(plain.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const text = await plain.text();
    assert.match(
      text,
      /^request_total\{direction="outbound",namespace="default",deployment="web",authority="measured",.*\} 1$/m,
    );
    assert.match(text, /^telemetry_reports_total\{result="applied".*\} 1$/m);

    const open = await read("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assert.equal(open.headers.get("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const samples = readOpenMetrics(await open.text());
    const traced = samples.filter(({ exemplar, labels }) => exemplar && labels.authority === "measured");
    assert.deepEqual(
      traced.map(({ labels, exemplar }) => [labels.le, exemplar?.labels.trace_id]),
      [["2", anExemplar.traceId]],
    );
    assert.ok(samples.some(({ name, labels }) => name === "telemetry_reports_total" && labels.result === "applied"));
  });

  test("health tells how targets stand and what policies decided, over all replicas, and who is missing", async () => {
    await using one = await whole(await startTelemetry(nats.url));
    await using two = await startTelemetry(nats.url);
    two.meet([one]);
    one.meet([two]);
    await whole(two);
    await using first = createTestProxy(one.address, "sick-caller");
    await using second = createTestProxy(two.address, "sick-caller");
    for (const [index, proxy] of [first, second].entries()) {
      const report = fresh({
        bootId: `health-${index}`,
        reporter: "default/sick-caller",
        rows: [],
        health: [{ ...aTargetsHealth, target: "sick" }],
        decisions: [{ ...aDecision, source: "sick" }],
      });
      proxy.send(1, encode(report));
      await eventually(() => proxy.waiting() === 0);
    }
    const ask = async (): Promise<HealthResponse> => {
      const transport = transportAs(one.address, { kind: "operator" });
      try {
        return await createClient(Telemetry, transport).health({ source: "sick-caller", target: "sick" });
      } finally {
        transport.close();
      }
    };
    await eventually(async () => (await ask()).rows[0]?.refused === 4n);
    const { rows, partial } = await ask();
    assert.deepEqual([rows[0]?.backend, rows[0]?.proxies, partial], ["sick", 2, false]);

    await two.stop();
    const response = await ask();
    assert.deepEqual([response.partial, response.missing, response.rows[0]?.proxies], [true, [two.instance], 1]);
  });
});
