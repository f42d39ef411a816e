import { compose } from "@patchbay/runtime";
import { coreServices } from "./core-services.ts";
import type { RunningServices, RunServicesOptions } from "./run-services.ts";
import { untilReady } from "./until-ready.ts";

const READY_WITHIN_MS = 10_000;

/** Runs all core services in this process, on one port. */
export async function runSingle(options: RunServicesOptions): Promise<RunningServices> {
  const { environment, key, settings, signal } = options;
  const loaded = await Promise.all(
    coreServices.map(async ({ name, load }) => [name, await load(environment)] as const),
  );
  const services = new Map(loaded);
  const composition = await compose({ services, environment, key, settings, logTo: options.openLog("mesh") });
  await untilReady({ address: composition.address, key, withinMs: READY_WITHIN_MS, signal });
  return {
    address: composition.address,
    services: coreServices.map(({ name }) => ({ name, pid: () => process.pid, restarts: () => 0 })),
    stop: () => composition.stop(),
  };
}
