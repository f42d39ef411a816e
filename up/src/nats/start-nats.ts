import type { ChildProcess } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type SupervisedProcess, spawnSupervised } from "@patchbay/process";
import { natsConfig } from "@patchbay/registry/nats-config";
import { loadNatsKeys, type NatsKeys } from "@patchbay/registry/nats-keys";
import { createLog } from "@patchbay/runtime";
import { freePort } from "../free-port.ts";
import type { Layout } from "../layout.ts";
import type { LogFile } from "../log-file.ts";
import { supervise } from "../supervise.ts";
import type { NatsServer } from "./find.ts";
import { waitForNats } from "./wait-for-nats.ts";

export interface StartNatsOptions {
  readonly server: NatsServer;
  readonly paths: Layout;
  readonly env: NodeJS.ProcessEnv;
  /** Its own output, and what the supervisor says about it. */
  readonly log: LogFile;
  readonly signal: AbortSignal;
}

/** The nats-server that the mesh uses. */
export interface RunningNats {
  /** "nats://host:port", the same over restarts. */
  readonly url: string;
  /** Empty for a foreign one. */
  readonly version: string;
  /** "foreign", "PATH", "cache", "pip" or "go install". */
  readonly origin: string;
  /** Why a server on PATH was not taken; empty when there was none. */
  readonly refused: string;
  /** File with the seed of the core's user. */
  readonly seedFile: string;
  /** Process id; undefined for a foreign one and between two starts. */
  pid(): Promise<number | undefined>;
  restarts(): number;
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const START_WITHIN_MS = 15_000;
const KILL_AFTER_MS = 500;

/** Starts the server with the accounts of the mesh and JetStream in the state folder, or names the foreign one. */
export async function startNats(options: StartNatsOptions): Promise<RunningNats> {
  const { server, paths } = options;
  const keys = await loadNatsKeys(paths.dir);
  const seedFile = join(paths.nats, "core.seed");
  if (server.kind === "program") return startProgram(server, { options, keys, seedFile });
  return {
    url: server.url,
    version: "",
    origin: "foreign",
    refused: "",
    seedFile,
    pid: async () => undefined,
    restarts: () => 0,
    stop: async () => undefined,
  };
}

interface Starting {
  readonly options: StartNatsOptions;
  readonly keys: NatsKeys;
  readonly seedFile: string;
}

async function startProgram(server: NatsServer & { kind: "program" }, starting: Starting): Promise<RunningNats> {
  const { options, keys, seedFile } = starting;
  const port = await freePort(HOST);
  const config = join(options.paths.nats, "nats-server.conf");
  await writeFile(config, configText(options.paths, keys, port), { mode: 0o600 });
  const supervisorLog = createLog({ name: "nats-server", destination: options.log });
  let supervisor: SupervisedProcess | undefined;
  const supervised = supervise({
    name: "nats-server",
    log: supervisorLog,
    spawn: () => {
      supervisor = spawnServer(server.path, config, options);
      return supervisor;
    },
    kill: () => supervisor?.killCommand(),
  });
  const { version, origin, refused } = server;
  const stop = (): Promise<void> => supervised.stop(KILL_AFTER_MS);
  try {
    await waitForNats(HOST, port, { timeoutMs: START_WITHIN_MS, signal: options.signal });
  } catch (error) {
    await stop();
    const why = supervised.lastExit();
    const look = `${error instanceof Error ? error.message : String(error)}${why === "" ? "" : ` (it ended with ${why})`}; see ${options.log.path}`;
    throw new Error(look, { cause: error });
  }
  const pid = async (): Promise<number | undefined> => supervisor?.commandPid;
  return {
    url: `nats://${HOST}:${port}`,
    version,
    origin,
    refused,
    seedFile,
    pid,
    restarts: supervised.restarts,
    stop,
  };
}

function configText(paths: Layout, keys: NatsKeys, port: number): string {
  const { core, callout, issuer } = keys;
  const accounts = natsConfig({
    coreUser: core.publicKey,
    calloutUser: callout.publicKey,
    issuer: issuer.publicKey,
    storeDir: join(paths.nats, "jetstream"),
    port,
    host: HOST,
  });
  return `server_name: patchbay\nlogtime_utc: true\n${accounts}`;
}

/** nats-server cannot watch a pipe, so a supervisor does it and ends it with this process. */
function spawnServer(path: string, config: string, { env, log }: StartNatsOptions): SupervisedProcess {
  // The server waits for its clients on SIGTERM; they are ours and have been stopped before.
  const child = spawnSupervised(path, ["--config", config], { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  logOutput(child, log);
  return child;
}

function logOutput(child: ChildProcess, log: LogFile): void {
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text) => log.write(text));
}
