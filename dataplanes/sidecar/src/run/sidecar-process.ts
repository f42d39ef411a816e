import type { ChildProcess } from "node:child_process";
import { fstatSync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnDieWithParent } from "@patchbay/process";
import type { LocalPortText } from "../core/local-port.ts";
import { type Command, type Event, encodeLine, readEvents } from "./control.ts";

/** What a sidecar's process is started with. */
export interface SidecarProcessOptions {
  readonly stateDir: string;
  readonly name: string;
  readonly namespace: string;
  /** Undefined: the program only calls. */
  readonly appPort: number | undefined;
  readonly listens: readonly LocalPortText[];
  readonly env: NodeJS.ProcessEnv;
}

/** 0: a free one. */
export interface Ports {
  readonly outboundPort: number;
  readonly inboundPort: number;
}

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const START_MS = 15_000;
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/** Starts a sidecar's process; `log` is the file descriptor of its standard error. */
export function spawnSidecar(
  options: SidecarProcessOptions,
  start: { readonly registry: string; readonly ports: Ports; readonly log: number },
): ChildProcess {
  const { name, namespace, appPort, listens, stateDir, env } = options;
  const own: NodeJS.ProcessEnv = {
    ...env,
    MESH_STATE_DIR: stateDir,
    MESH_REGISTRY: start.registry,
    MESH_SERVICE: name,
    MESH_NAMESPACE: namespace,
    MESH_APP_PORT: appPort === undefined ? "" : String(appPort),
    MESH_OUTBOUND_PORT: String(start.ports.outboundPort),
    MESH_INBOUND_PORT: String(start.ports.inboundPort),
    MESH_LISTEN: listens.map(({ port, authority }) => `${port}=${authority}`).join(" "),
    MESH_CONTROL: "stdio",
    // Reading and stripping a hundred files of TypeScript is half of the time to start.
    NODE_COMPILE_CACHE: env["NODE_COMPILE_CACHE"] ?? join(stateDir, "tools", "compile-cache"),
  };
  const child = spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
    env: own,
    stdio: ["pipe", "pipe", start.log],
    // Ctrl-C in the terminal is for us alone: the sidecar goes last.
    detached: true,
  });
  child.stdin?.on("error", () => undefined);
  return child;
}

export function tell(child: ChildProcess, command: Command): void {
  if (child.stdin?.writable) child.stdin.write(encodeLine(command));
}

export function follow(child: ChildProcess, onEvent: (event: Event) => void): void {
  if (child.stdout !== null) readEvents(child.stdout, onEvent);
}

/** What it says first, or that it cannot say anything any more. */
export function firstEvent(child: ChildProcess): Promise<Event> {
  return new Promise((resolve) => {
    const fail = (message: string) => settle({ type: "failed", message });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`the sidecar did not start within ${START_MS / 1000} s`);
    }, START_MS);
    const settle = (event: Event) => {
      clearTimeout(timer);
      resolve(event);
    };
    follow(child, settle);
    child.once("error", (error) => fail(`cannot start the sidecar: ${error.message}`));
    // What it said last may still be on its way when it has ended.
    child.once("close", (code) => fail(`the sidecar ended with code ${code} before it listened`));
  });
}

/** How it ended. */
export function exitOf(child: ChildProcess): Promise<string> {
  if (child.signalCode !== null) return Promise.resolve(child.signalCode);
  if (child.exitCode !== null) return Promise.resolve(`code ${child.exitCode}`);
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
}

/**
 * Opens the sidecar's own log, which lies in the state folder, out of the way of the program's output. Begun anew when it grew
 * large. Returns its file descriptor.
 */
export function openSidecarLog({ stateDir, name }: SidecarProcessOptions): number {
  const dir = join(stateDir, "logs");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = openSync(join(dir, `sidecar-${name}.log`), "a", 0o600);
  if (fstatSync(file).size > MAX_LOG_BYTES) ftruncateSync(file);
  return file;
}
