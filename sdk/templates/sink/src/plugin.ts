import { definePlugin, type Report } from "mesh-sdk";

export default definePlugin({
  name: "{{name}}",
  version: "0.1.0",
  on: {
    // Every proxy reports what it saw, once a second on a laptop. Returning acknowledges the report, a throw delivers it again.
    report(report, { log }) {
      for (const pair of sumByPair(report)) {
        log.info(
          `${pair.source} -> ${pair.target}: ${pair.requests} requests, ${pair.failures} failed, slowest p99 ${pair.p99} ms`,
        );
      }
    },
  },
});

/** What a client's proxy saw of each pair of services. The server's side of the same requests comes in its own report. */
export function sumByPair(report: Report) {
  const pairs = new Map<string, { source: string; target: string; requests: number; failures: number; p99: number }>();
  for (const row of report.rows) {
    if (row.direction !== "outbound") continue;
    const key = `${row.source} ${row.target}`;
    const pair = pairs.get(key) ?? { source: row.source, target: row.target, requests: 0, failures: 0, p99: 0 };
    pair.requests += row.requests;
    pair.failures += row.failures;
    pair.p99 = Math.max(pair.p99, Math.round(row.latency.p99));
    pairs.set(key, pair);
  }
  return [...pairs.values()];
}
