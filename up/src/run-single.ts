import { compose } from "@patchbay/runtime";
import { pause } from "@patchbay/wire";
import { coreServices } from "./core-services.ts";
import type { RunningServices, RunServicesOptions } from "./run-services.ts";

const readyWithinMs = 10_000;

/** Runs all core services in this process, on one port. */
export async function runSingle(options: RunServicesOptions): Promise<RunningServices> {
  const { environment, key, settings, signal } = options;
  const loaded = await Promise.all(
    coreServices.map(async ({ name, load }) => [name, await load(environment)] as const),
  );
  const services = new Map(loaded);
  const composition = await compose({ services, environment, key, settings, logTo: options.openLog("mesh") });
  const deadline = performance.now() + readyWithinMs;
  // Not ready in time is not fatal: the mesh repairs itself, and `mesh check` says what is missing.
  while (!composition.apps.every((app) => app.readiness().ready) && performance.now() < deadline && !signal.aborted) {
    await pause(20, signal);
  }
  return {
    address: composition.address,
    services: coreServices.map(({ name }) => ({ name, pid: () => process.pid, restarts: () => 0 })),
    stop: () => composition.stop(),
  };
}
