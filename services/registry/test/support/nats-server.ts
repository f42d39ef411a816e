import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsConfig } from "../../src/sources/nats-config.ts";
import { loadNatsKeys, type NatsKeys } from "../../src/sources/nats-keys.ts";

export interface TestNats {
  readonly url: string;
  readonly keys: NatsKeys;
  readonly stateDir: string;
  /** Ends it by a signal, and starts it again on the same port with the same store. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestNatsOptions {
  readonly newAcks?: boolean;
}

/** A nats-server as the mesh runs it, on a free port. */
export async function startNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const stateDir = await mkdtemp(join(tmpdir(), "patchbay-registry-"));
  const keys = await loadNatsKeys(stateDir);
  const config = join(stateDir, "nats.conf");
  const write = (port: number): Promise<void> =>
    writeFile(
      config,
      natsConfig({
        coreUser: keys.core.publicKey,
        calloutUser: keys.callout.publicKey,
        issuer: keys.issuer.publicKey,
        storeDir: join(stateDir, "jetstream"),
        port,
        newAcks: options.newAcks ?? false,
      }),
    );
  await write(-1);
  let server = await start(stateDir, config);
  await write(server.port);
  return {
    url: `nats://127.0.0.1:${server.port}`,
    keys,
    stateDir,
    async restart() {
      await end(server.child, "SIGKILL");
      server = await start(stateDir, config);
    },
    async stop() {
      await end(server.child, "SIGTERM");
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

async function start(stateDir: string, config: string): Promise<{ child: ChildProcess; port: number }> {
  await rm(join(stateDir, "ports"), { recursive: true, force: true });
  const child = spawn("nats-server", ["-c", config, "--ports_file_dir", stateDir], { stdio: "ignore" });
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  return { child, port: await Promise.race([readPort(join(stateDir, `nats-server_${child.pid}.ports`)), failed]) };
}

async function readPort(file: string): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const text = await readFile(file, "utf8").catch(() => "");
    const match = /nats:\/\/127\.0\.0\.1:(\d+)/.exec(text);
    if (match) return Number(match[1]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`nats-server did not start: ${file} did not appear`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}
