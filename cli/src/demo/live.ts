import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { pause } from "@patchbay/model";
import { GroupBy, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { looksWrong, type StatJson, type StatJsonRow, statJson, statTable } from "../commands/stat/stat-rows.ts";
import type { MeshConnection } from "../connect.ts";
import { createRedraw, lineWidth, paint, print } from "../output/output.ts";
import { latency, percent } from "../output/units.ts";

/** Seconds that the live lines look back. */
const LIVE_WINDOW = 10;
const PLAIN_EVERY_MS = 5_000;

/** Shows a line per service pair until the signal: redrawn each second on a terminal, printed every 5 s elsewhere. */
export async function showLive(connection: MeshConnection, signal: AbortSignal): Promise<void> {
  const redraw = createRedraw();
  let shownAt = 0;
  while (!signal.aborted) {
    try {
      const telemetry = await connection.service("telemetry", Telemetry);
      const query = { window: durationFromMs(LIVE_WINDOW * 1_000), groupBy: GroupBy.PAIR };
      for await (const response of telemetry.subscribe({ query, interval: durationFromMs(1_000) }, { signal })) {
        const stat = statJson(response);
        if (stat.rows.length === 0) continue;
        if (process.stdout.isTTY) redraw(tableLines(stat));
        else if (performance.now() - shownAt >= PLAIN_EVERY_MS) {
          shownAt = performance.now();
          print(...stat.rows.map(plainLine));
        }
      }
    } catch {
      // The control plane may be away for a moment; the next round finds it again.
    }
    await pause(500, signal);
  }
}

function tableLines({ rows }: StatJson): string[] {
  const [title = "", ...lines] = statTable(rows, "pair", lineWidth());
  return [
    paint("bold", title),
    ...lines.map((line, index) => {
      const row = rows[index];
      return row && looksWrong(row) ? paint("bad", line) : line;
    }),
    paint("dim", `last ${LIVE_WINDOW} s; Ctrl-C stops everything`),
  ];
}

function plainLine(row: StatJsonRow): string {
  const { p50, p99 } = row.latencyMs;
  const rate = `${row.rps.toFixed(1)}/s`;
  return `${row.source} -> ${row.target}  ${percent(row.successRate)}  ${rate}  p50 ${latency(p50)}  p99 ${latency(p99)}`;
}

/** The totals of a run, for its end. */
export async function summary(connection: MeshConnection, seconds: number): Promise<string[]> {
  const telemetry = await connection.service("telemetry", Telemetry);
  const window = Math.min(3_600, Math.max(1, Math.ceil(seconds)));
  const stat = statJson(await telemetry.stat({ window: durationFromMs(window * 1_000), groupBy: GroupBy.PAIR }));
  const requests = stat.rows.reduce((sum, row) => sum + row.requests, 0);
  const failures = stat.rows.reduce((sum, row) => sum + row.requests * (1 - row.successRate), 0);
  const share = requests > 0 ? 1 - failures / requests : 1;
  return [
    `${requests} requests in ${Math.round(seconds)} s, ${percent(share)} of them successful:`,
    ...statTable(stat.rows, "pair", lineWidth()),
  ];
}
