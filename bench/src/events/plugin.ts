import { definePlugin, serve } from "mesh-sdk";
import { childOptions, ready } from "../harness.ts";
import { type ConsumeTask, createTally } from "./tasks.ts";

// A plugin as an author writes it.
const { registry, token } = childOptions<{ registry: string; token: string }>();
const tally = createTally();
const plugin = definePlugin({
  name: "bench-sink",
  on: {
    report: async () => tally.count(),
  },
});
await serve(plugin, { registry, token });
ready(undefined, (task) => tally.reach((task as ConsumeTask).handled));
