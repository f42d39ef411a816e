import type { ChildProcess } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { pause } from "@patchbay/model";
import { spawnDieWithParent } from "@patchbay/process";
import { createLog } from "@patchbay/runtime";
import { type CoreService, coreServices } from "./core-services.ts";
import type { LogFile } from "./log-file.ts";
import type { RunningServices, RunServicesOptions } from "./run-services.ts";
import { type Supervised, supervise } from "./supervise.ts";
import { untilReady } from "./until-ready.ts";

const READY_WITHIN_MS = 20_000;
/** How long a stopping service has before the next one is stopped too. */
const TURN_MS = 300;
const KILL_AFTER_MS = 2_000;

/** Runs each core service in its own process, from its own main.ts, and restarts those that exit. */
export async function runProcesses(options: RunServicesOptions): Promise<RunningServices> {
  const { environment } = options;
  const address = `http://${environment.host}:${environment.port}`;
  const log = createLog({ name: "mesh", level: environment.logLevel, destination: options.openLog("mesh") });
  const supervised = coreServices.map((service) => {
    const file = options.openLog(service.name);
    return supervise({ name: service.name, log, spawn: () => spawnService(service, { options, address, file }) });
  });
  const stop = (): Promise<void> => stopInReverse(supervised);
  try {
    await untilReady({ address, key: options.key, withinMs: READY_WITHIN_MS, signal: options.signal });
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, services: supervised, stop };
}

interface Spawning {
  readonly options: RunServicesOptions;
  readonly address: string;
  readonly file: LogFile;
}

function spawnService(service: CoreService, { options, address, file }: Spawning): ChildProcess {
  const { environment } = options;
  const isRegistry = service.name === "registry";
  const child = spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", service.main], {
    env: {
      ...options.env,
      NODE_COMPILE_CACHE: getCompileCacheDir(),
      MESH_STATE_DIR: environment.stateDir,
      MESH_RESOURCES: environment.resourcesDir,
      MESH_HOST: environment.host,
      // The registry keeps its port over restarts, since all others are configured with it; they announce theirs there.
      MESH_PORT: isRegistry ? String(environment.port) : "0",
      MESH_REGISTRY: address,
      MESH_NATS_URL: environment.natsUrl,
      MESH_NATS_SEED_FILE: environment.natsSeedFile,
      MESH_OPERATOR_TOKEN: environment.operatorToken,
      MESH_LOG_LEVEL: environment.logLevel,
      MESH_PROFILE: environment.profile,
      MESH_DEFAULT_AUTHORIZATION: environment.defaultAuthorization,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C in the terminal is for the supervisor alone, which stops services in their order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text) => file.write(text));
  return child;
}

/** Stops in reverse start order; a slow service delays the next one by at most TURN_MS. */
async function stopInReverse(supervised: readonly Supervised[]): Promise<void> {
  const stopping: Promise<void>[] = [];
  for (const each of [...supervised].reverse()) {
    const stopped = each.stop(KILL_AFTER_MS);
    stopping.push(stopped);
    await Promise.race([stopped, pause(TURN_MS)]);
  }
  await Promise.all(stopping);
}
