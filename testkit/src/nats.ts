import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type SupervisedProcess, spawnSupervised, stateDir } from "@patchbay/process";
import { freePort } from "./ports.ts";

export interface TestNats extends AsyncDisposable {
  /** "nats://127.0.0.1:port"; stays the same over restarts. */
  readonly url: string;
  readonly port: number;
  /** With configuration, JetStream store and log. */
  readonly dir: string;
  /** Ends the server and waits; SIGKILL by default. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port with the same store. */
  restart(): Promise<void>;
  /** Stops or continues the running process: SIGSTOP, SIGCONT, SIGHUP. */
  signal(signal: NodeJS.Signals): void;
  /** Replaces the configuration and asks the server to read it. */
  reconfigure(config: string): Promise<void>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** For a machine that does much else. */
const READY_MS = 60_000;
const JETSTREAM = "jetstream: enabled";

/**
 * Starts a separate nats-server on a free port in a temporary folder. `config` is the text of its configuration
 * without address, log and store; default: JetStream, no accounts.
 */
export async function startNats(config: string = JETSTREAM): Promise<TestNats> {
  const dir = await mkdtemp(join(tmpdir(), "nats-"));
  const server = new NatsServer(dir, await freePort());
  try {
    await server.start(config);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class NatsServer implements TestNats {
  readonly dir: string;
  readonly port: number;
  /** Guarded, so that the server ends with the tests, however they end. */
  #supervisor: SupervisedProcess | undefined;
  #pid: number | undefined;

  constructor(dir: string, port: number) {
    this.dir = dir;
    this.port = port;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(config: string): Promise<void> {
    await this.#write(config);
    await this.restart();
  }

  async restart(): Promise<void> {
    // Counted before the start: a quick server is ready before the first look.
    const before = (await this.log()).split("Server is ready").length;
    this.#supervisor = spawnSupervised(natsServerPath(), ["-c", join(this.dir, "nats.conf")], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    this.#pid = await this.#supervisor.commandPid;
    await this.#ready(this.#supervisor, before);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const supervisor = this.#supervisor;
    this.#supervisor = undefined;
    if (supervisor === undefined || supervisor.exitCode !== null || supervisor.signalCode !== null) return;
    const ended = once(supervisor, "exit");
    this.signal("SIGCONT");
    this.signal(signal);
    await ended;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#pid !== undefined) process.kill(this.#pid, signal);
  }

  async reconfigure(config: string): Promise<void> {
    await this.#write(config);
    const before = (await this.log()).split("Reloaded server configuration").length;
    this.signal("SIGHUP");
    for (let waited = 0; waited < READY_MS; waited += 20) {
      if ((await this.log()).split("Reloaded server configuration").length > before) return;
      await delay(20);
    }
    throw new Error(`nats-server did not take the new configuration:\n${await this.log()}`);
  }

  async log(): Promise<string> {
    return readFile(join(this.dir, "nats.log"), "utf8").catch(() => "");
  }

  async stop(): Promise<void> {
    await this.kill("SIGKILL");
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #write(config: string): Promise<void> {
    const own = [
      `listen: "127.0.0.1:${this.port}"`,
      `log_file: "${join(this.dir, "nats.log")}"`,
      // A block given by the test keeps its own store.
      config.includes("store_dir") ? "" : `store_dir: "${join(this.dir, "store")}"`,
    ];
    await writeFile(join(this.dir, "nats.conf"), `${own.join("\n")}\n${config}\n`);
  }

  async #ready(child: ChildProcess, before: number): Promise<void> {
    let failed: Error | undefined;
    child.once("error", (error) => (failed = error));
    for (let waited = 0; waited < READY_MS && failed === undefined && child.exitCode === null; waited += 10) {
      if ((await this.log()).split("Server is ready").length > before) return;
      await delay(10);
    }
    throw new Error(`nats-server did not start: ${failed?.message ?? ""}\n${await this.log()}`);
  }
}

/**
 * The nats-server to test with: MESH_NATS_SERVER, else one on the PATH that is new enough (2.12), else one that the
 * mesh has installed.
 */
export function natsServerPath(env: NodeJS.ProcessEnv = process.env): string {
  const fromEnv = env["MESH_NATS_SERVER"] ?? "";
  if (fromEnv !== "") return fromEnv;
  const candidates = [
    ...(env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "nats-server")),
    ...installed(join(stateDir(env), "tools")),
  ];
  const found = candidates.find((path) => existsSync(path) && newEnough(path));
  if (found === undefined) {
    throw new Error("these tests need nats-server >= 2.12: run `npm start` once, or set MESH_NATS_SERVER to its path");
  }
  return found;
}

const versions = new Map<string, boolean>();

function newEnough(path: string): boolean {
  const known = versions.get(path);
  if (known !== undefined) return known;
  const [, major = "0", minor = "0"] = /v?(\d+)\.(\d+)\./.exec(versionOf(path)) ?? [];
  const enough = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 12);
  versions.set(path, enough);
  return enough;
}

function versionOf(path: string): string {
  try {
    return execFileSync(path, ["--version"], { encoding: "utf8", timeout: 5000 });
  } catch {
    return "";
  }
}

function installed(tools: string): string[] {
  if (!existsSync(tools)) return [];
  return readdirSync(tools, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("nats-server"))
    .map((path) => join(tools, path));
}
