import { serve } from "@patchbay/runtime";
import { type Claims, healthRoutes, noLog } from "@patchbay/wire";

const anybody: Claims = { kind: "core", namespace: "default", name: "core", instance: "one", expiresAt: Infinity };

const server = await serve({
  apps: [
    {
      name: "hooks",
      routes: (router) => healthRoutes(router, () => new Map([["", true]])),
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      readiness: () => ({ ready: true, reason: "" }),
    },
  ],
  check: () => anybody,
  log: noLog,
  metrics: () => Promise.resolve(""),
  drainMs: 0,
});
process.stdout.write(`${server.port}\n`);
// Ends with whoever started it.
process.stdin.on("end", () => process.exit()).resume();
