import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { within } from "@patchbay/model";
import {
  type DefaultAuthorization,
  isErrno,
  readDevelopmentKey,
  removeRunFile,
  runFilePath,
  stateDir,
  writeRunFile,
} from "@patchbay/process";
import { type Environment, readEnvironment, type Settings, settingsOf } from "@patchbay/runtime";
import { freePort, tryPort } from "./free-port.ts";
import { holdState } from "./hold-state.ts";
import { writeLaunchers } from "./launchers.ts";
import { type Layout, layout } from "./layout.ts";
import { openLogFile } from "./log-file.ts";
import { findNatsServer } from "./nats/find.ts";
import { type RunningNats, startNats } from "./nats/start-nats.ts";
import { prepareState } from "./prepare-state.ts";
import { runProcesses } from "./run-processes.ts";
import type { RunningServices, RunServicesOptions, ServiceInfo } from "./run-services.ts";
import { runSingle } from "./run-single.ts";

export interface StartMeshOptions {
  /** Everything that outlives a process. Default: this user's state folder. */
  readonly stateDir?: string;
  /** All core services in this process, or a process each. Default "single". */
  readonly mode?: "single" | "processes";
  /** The registry's port. Default 0: any free one. */
  readonly port?: number;
  /** Take any other port when that one is taken, instead of failing. */
  readonly orFreePort?: boolean;
  /** Folder of YAML resources. Default: resources/ in the state folder. */
  readonly resourcesDir?: string;
  /** What happens to requests that no policy is about. Default: MESH_DEFAULT_AUTHORIZATION, else "allow". */
  readonly defaultAuthorization?: DefaultAuthorization;
  /** Default: those of MESH_PROFILE. */
  readonly settings?: Settings;
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told what happens while it starts, in a few words. */
  readonly progress?: (text: string) => void;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}

/** A control plane that runs, with its nats-server. */
export interface Mesh extends AsyncDisposable {
  /** The one address to know: the registry's, "http://host:port". */
  readonly address: string;
  /** Proves an operator to this run; part of the printed address. */
  readonly token: string;
  readonly stateDir: string;
  readonly mode: "single" | "processes";
  readonly settings: Settings;
  readonly services: readonly ServiceInfo[];
  readonly nats: RunningNats;
  /** Stops services in reverse order, then NATS; at most 3 s. Leaves no process, port or run file. Safe twice. */
  stop(): Promise<void>;
}

/** The port was asked for explicitly and is taken. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

/**
 * Starts nats-server, then the core services in their order, and writes the run file by which commands find them.
 * Throws MeshRunningError, PortTakenError, NatsServerMissingError or StateError, with nothing left behind.
 */
export async function startMesh(options: StartMeshOptions = {}): Promise<Mesh> {
  const paths = layout(options.stateDir ?? stateDir(options.env));
  await prepareState(paths);
  const stack = new AsyncDisposableStack();
  try {
    return await start(paths, options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** What a started step needs to undo itself goes on the stack, so that stopping is this function read backwards. */
async function start(paths: Layout, options: StartMeshOptions, stack: AsyncDisposableStack): Promise<Mesh> {
  const { env = process.env, mode = "single", progress = () => undefined } = options;
  const signal = options.signal ?? new AbortController().signal;
  stack.defer(await holdState(paths));
  stack.defer(forgetAtExit(paths));
  const openLog = (name: string) => stack.adopt(openLogFile({ dir: paths.logs, name }), (file) => file.close());
  const key = await readDevelopmentKey(paths.dir);

  progress("looking for nats-server");
  const server = await findNatsServer({
    env,
    toolsDir: paths.tools,
    progress: (how) => progress(`installing nats-server ${how}`),
    signal,
  });
  const nats = await startNats({ server, paths, env, log: openLog("nats-server"), signal });
  stack.defer(() => nats.stop());
  await writeFile(paths.natsUrl, nats.url, { mode: 0o600 });
  stack.defer(() => rm(paths.natsUrl, { force: true }));

  progress("starting services");
  const token = randomBytes(16).toString("base64url");
  const environment = await environmentOf({ paths, options, nats, token });
  const settings = options.settings ?? settingsOf(environment.profile);
  const run: RunServicesOptions = {
    environment,
    env,
    key,
    settings,
    openLog,
    signal,
  };
  const running = await runOnSomePort(run, options);
  // A service that hangs must not keep the rest from ending.
  stack.defer(() => within(running.stop(), 2_000).then(() => undefined));
  signal.throwIfAborted();

  await writeLaunchers(paths.bin);
  const startedAt = new Date().toISOString();
  stack.defer(() => removeRunFile(paths.dir));
  await writeRunFile(paths.dir, {
    version: 1,
    pid: process.pid,
    address: running.address,
    startedAt,
    mode,
    profile: environment.profile,
    defaultAuthorization: environment.defaultAuthorization,
  });
  const { address, services } = running;
  const stop = once(() => stack.disposeAsync());
  return { address, token, stateDir: paths.dir, mode, settings, services, nats, stop, [Symbol.asyncDispose]: stop };
}

/** Removes the files that say that the mesh runs when the process exits without a stop. Returns how to cancel that. */
function forgetAtExit(paths: Layout): () => void {
  const forget = (): void => {
    for (const path of [runFilePath(paths.dir), paths.natsUrl, paths.lock]) rmSync(path, { force: true });
  };
  process.once("exit", forget);
  return () => process.off("exit", forget);
}

interface EnvironmentOptions {
  readonly paths: Layout;
  readonly options: StartMeshOptions;
  readonly nats: RunningNats;
  readonly token: string;
}

async function environmentOf({ paths, options, nats, token }: EnvironmentOptions): Promise<Environment> {
  const fromEnv = readEnvironment({ ...(options.env ?? process.env), MESH_STATE_DIR: paths.dir });
  return {
    ...fromEnv,
    stateDir: paths.dir,
    resourcesDir: options.resourcesDir ?? fromEnv.resourcesDir,
    defaultAuthorization: options.defaultAuthorization ?? fromEnv.defaultAuthorization,
    registry: undefined,
    port: await choosePort(fromEnv.host, options),
    natsUrl: nats.url,
    natsSeedFile: nats.seedFile,
    operatorToken: token,
  };
}

async function choosePort(host: string, { port = 0, orFreePort = false }: StartMeshOptions): Promise<number> {
  if (orFreePort || port === 0) return freePort(host, port);
  const free = await tryPort(host, port);
  if (free !== undefined) return free;
  throw portTaken(host, port);
}

function portTaken(host: string, port: number): PortTakenError {
  return new PortTakenError(`Port ${port} of ${host} is taken. Give another one, or none to take any free port.`);
}

/** Another program may take the port after it was found free and before the registry listens. */
async function runOnSomePort(run: RunServicesOptions, options: StartMeshOptions): Promise<RunningServices> {
  const start = options.mode === "processes" ? runProcesses : runSingle;
  const { environment } = run;
  try {
    return await start(run);
  } catch (error) {
    if (!isErrno(error, "EADDRINUSE")) throw error;
    if ((options.port ?? 0) !== 0 && !options.orFreePort) throw portTaken(environment.host, environment.port);
    return start({ ...run, environment: { ...environment, port: await freePort(environment.host) } });
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let started: Promise<void> | undefined;
  return () => {
    started ??= work();
    return started;
  };
}
