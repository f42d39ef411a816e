import { definePlugin, type Report, serve } from "mesh-sdk";
import { childOptions, ready } from "../harness.ts";
import { type ConsumeTask, createTally } from "./tasks.ts";

// A plugin as an author writes it, with a handler that reads the report's own fields, or also something of each row.
interface Options {
  readonly registry: string;
  readonly token: string;
  readonly reads: "head" | "rows";
}

const { registry, token, reads } = childOptions<Options>();
const tally = createTally();
let read = 0;
const plugin = definePlugin({
  name: "bench-sink",
  on: {
    async report(report) {
      read += report.id.length + report.reporter.length;
      if (reads === "rows") read += readRows(report);
      tally.count();
    },
  },
});
await serve(plugin, { registry, token });
ready(undefined, async (task) => {
  await tally.reach((task as ConsumeTask).handled);
  return read;
});

function readRows({ rows }: Report): number {
  let sum = 0;
  for (const { target, requests, latency } of rows) sum += target.length + requests + latency.p99;
  return sum;
}
