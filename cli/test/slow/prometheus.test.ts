import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { readDevelopmentKey } from "@patchbay/process";
import { ReportSchema, Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { eventually } from "@patchbay/testkit";
import { type Mesh, startMesh } from "@patchbay/up";
import { createTokenSource, createTransport } from "@patchbay/wire";
import { connectMesh } from "../../src/connect.ts";
import { startDemoFleet, untilDemoReady } from "../../src/demo/demo-fleet.ts";
import { linkerdQueries } from "../support/linkerd-queries.ts";
import { findPromtool } from "../support/promtool.ts";
import { type Prometheus, type Row, runPrometheus } from "../support/run-prometheus.ts";

const run = promisify(execFile);
const patienceMs = 60_000;
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

/** Reports as a proxy would, so that there is health, a decision of each kind and an exemplar, whatever the demo does. */
async function reportEverything(mesh: Mesh): Promise<void> {
  const service = { kind: "proxy", namespace: "default", name: "prober", instance: "one" } as const;
  const token = createTokenSource(await readDevelopmentKey(mesh.stateDir), service);
  const transport = createTransport({ address: mesh.address, token });
  const now = BigInt(Date.now());
  const strings = [
    "",
    "default/prober",
    "probed",
    "probed-v2",
    "AuthorizationPolicy default/no-staging",
    "default",
    "web",
  ];
  const report = create(ReportSchema, {
    bootId: "prober",
    sequence: 1n,
    startMs: now - 100_000n,
    endMs: now,
    strings,
    reporter: 1,
    rows: [
      { direction: 1, source: 1, target: 2, backend: 3, count: 1, status: 200, latency: [5, 1], latencySumUs: 9_000 },
    ],
    exemplars: [
      {
        row: 0,
        latencyMs: 9,
        traceId: Uint8Array.from(Buffer.from(traceId, "hex")),
        spanId: new Uint8Array(8).fill(7),
        atMs: now,
      },
    ],
    health: [{ target: 2, backend: 3, endpoints: 3, ejected: 1, retryBudget: 2.5, refused: 4 }],
    decisions: [
      { policy: 4, source: 6, verdict: Verdict.DENIED, count: 2 },
      { policy: 5, source: 6, verdict: Verdict.ALLOWED, count: 5 },
    ],
  });
  async function* one(): AsyncGenerator<{ report: Uint8Array<ArrayBuffer> }> {
    yield { report: toBinary(ReportSchema, report) };
  }
  for await (const { rejectionReason: refused } of createClient(Telemetry, transport).report(one()))
    assert.equal(refused, "");
  transport.close();
}

function matches(row: Row, labels: Readonly<Record<string, string>>): boolean {
  return Number.isFinite(row.value) && Object.entries(labels).every(([name, value]) => row.metric[name] === value);
}

describe("a real Prometheus that scrapes the demo", async () => {
  const { path: promtool, reason } = await findPromtool();
  if (promtool === undefined) {
    console.log(reason);
    it("is there", { skip: reason });
    return;
  }

  const stack = new AsyncDisposableStack();
  let mesh: Mesh;
  let prometheus: Prometheus;
  before(async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-prometheus-"));
    stack.defer(() => rm(stateDir, { recursive: true, force: true }));
    mesh = stack.use(await startMesh({ stateDir }));
    const fleet = startDemoFleet(mesh);
    stack.defer(async () => {
      await fleet.stop(1_500);
      fleet.closeLog();
    });
    using connection = await connectMesh(stateDir);
    await untilDemoReady(connection, new AbortController().signal);
    await reportEverything(mesh);
    prometheus = stack.use(await runPrometheus({ promtool, address: mesh.address, token: mesh.token }));
    await eventually(async () => (await prometheus.query("up")).some(({ value }) => value === 1), patienceMs);
  });
  after(() => stack.disposeAsync());

  for (const { what, promql, row } of linkerdQueries) {
    it(`answers Linkerd's query: ${what}`, async () => {
      let last: readonly Row[] = [];
      const found = async (): Promise<boolean> => {
        last = await prometheus.query(promql);
        return last.some((each) => matches(each, row));
      };
      await eventually(found).catch(() => {
        assert.fail(`${promql}\nhas no row with ${JSON.stringify(row)}: ${JSON.stringify(last)}`);
      });
    });
  }

  it("has the state of targets", async () => {
    const labels = '{deployment="prober", dst_service="probed", dst_backend="probed-v2"}';
    for (const [name, value] of [
      ["proxy_endpoints", 3],
      ["proxy_endpoints_ejected", 1],
      ["proxy_retry_budget", 2.5],
      ["proxy_connections_refused_total", 4],
    ] as const)
      assert.equal((await prometheus.query(name + labels))[0]?.value, value, name);
  });

  it("keeps exemplars, which point at traces", async () => {
    const [series] = await prometheus.exemplars('response_latency_ms_bucket{deployment="prober"}');
    assert.equal(series?.seriesLabels.le, "10");
    assert.deepEqual(
      series?.exemplars.map(({ labels, value }) => [labels.trace_id, value]),
      [[traceId, "9"]],
    );
  });

  it("reads every sample, none of them twice", async () => {
    assert.deepEqual(await prometheus.scrapeErrors(), []);
    const [scraped] = await prometheus.query("scrape_samples_scraped");
    const [kept] = await prometheus.query("scrape_samples_post_metric_relabeling");
    assert.ok(scraped && scraped.value > 500);
    assert.equal(kept?.value, scraped.value);
  });

  it("gets text that Python's own reader of OpenMetrics takes too", async (t) => {
    const python = await pythonWithReader(mesh.stateDir);
    if (typeof python === "string") {
      console.log(python);
      return t.skip(python);
    }
    const answer = await fetch(`${mesh.address}/metrics?token=${mesh.token}`, {
      headers: { accept: "application/openmetrics-text; version=1.0.0" },
    });
    const file = join(mesh.stateDir, "metrics.txt");
    await writeFile(file, await answer.text());
    const script =
      "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as read; print(len(list(read(open(sys.argv[1]).read()))))";
    const { stdout } = await run("python3", ["-c", script, file], { env: python.env });
    assert.ok(Number(stdout) > 50, stdout);
  });
});

/** An environment in which python3 has prometheus_client, or why there is none. */
async function pythonWithReader(dir: string): Promise<{ readonly env: NodeJS.ProcessEnv } | string> {
  const target = join(dir, "python");
  try {
    const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", target, "prometheus_client"];
    await run("python3", install, { timeout: patienceMs });
    return { env: { ...process.env, PYTHONPATH: target } };
  } catch (error) {
    const said = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
    return `python3 cannot install prometheus_client: ${said}`;
  }
}
