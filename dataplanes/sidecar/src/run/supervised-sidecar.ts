import type { ChildProcess } from "node:child_process";
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createBackoff, pause, spawnTied } from "@patchbay/wire";
import type { ProgramReadiness } from "../app.ts";
import type { LocalPortText } from "../core/local-port.ts";
import { within } from "../within.ts";
import { type Command, type Event, encodeLine, readEvents } from "./control.ts";

export interface SupervisedSidecarOptions {
  /** "http://host:port" of the registry, asked for at each start. */
  registry(): Promise<string>;
  readonly stateDir: string;
  readonly name: string;
  readonly namespace: string;
  /** Undefined: the program only calls. */
  readonly appPort: number | undefined;
  readonly listens: readonly LocalPortText[];
  readonly env: NodeJS.ProcessEnv;
  /** What happens, for people who asked to hear it. */
  note(text: string): void;
}

/** A sidecar in a process of its own, started again on the same ports when it dies. */
export interface SupervisedSidecar {
  /** Where the program sends its calls. */
  readonly outboundPort: number;
  setReadiness(readiness: ProgramReadiness): void;
  /** Settles when requests have ended, or the limit has passed. */
  drain(limitMs: number): Promise<void>;
  /** Lets it make its last report; ends it after the limit. */
  stop(limitMs: number): Promise<void>;
  /** Process id at this moment. */
  pid(): number | undefined;
}

interface Ports {
  readonly outboundPort: number;
  readonly inboundPort: number;
}

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const START_MS = 15_000;
/** A sidecar that lived this long was healthy: the next wait begins small again. */
const HEALTHY_AFTER_MS = 10_000;
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/** Rejects with the sidecar's own sentence when it cannot start the first time. */
export async function startSupervisedSidecar(options: SupervisedSidecarOptions): Promise<SupervisedSidecar> {
  const stopping = new AbortController();
  const drained = Promise.withResolvers<void>();
  const log = openLog(options);
  let readiness: ProgramReadiness | undefined;
  let child = await spawnSidecar(options, { ports: undefined, log });
  const first = await firstEvent(child);
  if (first.type !== "listening") {
    closeSync(log);
    throw new Error(first.type === "failed" ? first.message : "the sidecar ended before it listened");
  }
  const ports: Ports = first;
  const gone = keepAlive();

  async function keepAlive(): Promise<void> {
    const backoff = createBackoff({ minMs: 50, maxMs: 5_000 });
    for (;;) {
      const since = performance.now();
      follow(child, (event) => {
        if (event.type === "drained") drained.resolve();
      });
      const how = await exitOf(child);
      if (stopping.signal.aborted) break;
      if (performance.now() - since > HEALTHY_AFTER_MS) backoff.reset();
      options.note(`the sidecar ended (${how}); starting it again`);
      await pause(backoff.next(), stopping.signal);
      if (stopping.signal.aborted) break;
      child = await spawnSidecar(options, { ports, log });
      if (readiness !== undefined) tell(child, { type: "readiness", ...readiness });
    }
    drained.resolve();
    closeSync(log);
  }

  return {
    outboundPort: ports.outboundPort,
    setReadiness(next) {
      readiness = next;
      tell(child, { type: "readiness", ...next });
    },
    async drain(limitMs) {
      tell(child, { type: "drain" });
      await within(drained.promise, limitMs);
    },
    async stop(limitMs) {
      stopping.abort();
      tell(child, { type: "stop" });
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      await gone;
      clearTimeout(timer);
    },
    pid: () => child.pid,
  };
}

async function spawnSidecar(
  options: SupervisedSidecarOptions,
  start: { readonly ports: Ports | undefined; readonly log: number },
): Promise<ChildProcess> {
  const { name, namespace, appPort, listens, stateDir, env } = options;
  const own: NodeJS.ProcessEnv = {
    ...env,
    MESH_STATE_DIR: stateDir,
    MESH_REGISTRY: await options.registry(),
    MESH_SERVICE: name,
    MESH_NAMESPACE: namespace,
    MESH_APP_PORT: appPort === undefined ? "" : String(appPort),
    MESH_OUTBOUND_PORT: String(start.ports?.outboundPort ?? 0),
    MESH_INBOUND_PORT: String(start.ports?.inboundPort ?? 0),
    MESH_LISTEN: listens.map(({ port, authority }) => `${port}=${authority}`).join(" "),
    MESH_CONTROL: "stdio",
    // Reading and stripping a hundred files of TypeScript is half of the time to start.
    NODE_COMPILE_CACHE: env["NODE_COMPILE_CACHE"] ?? join(stateDir, "cache"),
  };
  const child = spawnTied(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
    env: own,
    stdio: ["pipe", "pipe", start.log],
    // Ctrl-C in the terminal is for us alone: the sidecar goes last.
    detached: true,
  });
  child.stdin?.on("error", () => undefined);
  return child;
}

function tell(child: ChildProcess, command: Command): void {
  if (child.stdin?.writable) child.stdin.write(encodeLine(command));
}

function follow(child: ChildProcess, onEvent: (event: Event) => void): void {
  if (child.stdout !== null) readEvents(child.stdout, onEvent);
}

function firstEvent(child: ChildProcess): Promise<Event> {
  return new Promise((resolve) => {
    const late = { type: "failed", message: `the sidecar did not start within ${START_MS / 1000} s` } as const;
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(late);
    }, START_MS);
    const settle = (event: Event) => {
      clearTimeout(timer);
      resolve(event);
    };
    follow(child, settle);
    child.once("error", (error) => settle({ type: "failed", message: `cannot start the sidecar: ${error.message}` }));
    // What it said last may still be on its way when it has ended.
    child.once("close", (code) =>
      settle({ type: "failed", message: `the sidecar ended with code ${code} before it listened` }),
    );
  });
}

function exitOf(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child.signalCode ?? `code ${child.exitCode}`);
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
}

/** The sidecar's own log lies in the state folder, out of the way of the program's output. Begun anew when it grew large. */
function openLog({ stateDir, name }: SupervisedSidecarOptions): number {
  const dir = join(stateDir, "logs");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = openSync(join(dir, `sidecar-${name}.log`), "a", 0o600);
  if (fstatSync(file).size > MAX_LOG_BYTES) ftruncateSync(file);
  return file;
}
