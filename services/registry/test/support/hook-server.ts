import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface HookServer extends AsyncDisposable {
  readonly address: string;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** A process of its own that serves gRPC's health check, as a plugin with hooks does. */
export async function startHookServer(): Promise<HookServer> {
  const child = spawn(process.execPath, [new URL("hook-process.ts", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return {
    address: await readAddress(child),
    signal: (signal) => child.kill(signal),
    stop: () => stop(child),
    // A stopped child outlives a failed assertion unless it is killed; SIGKILL also ends a stopped process.
    [Symbol.asyncDispose]: () => stop(child),
  };
}

async function readAddress(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout ?? []) return `127.0.0.1:${String(chunk).trim()}`;
  throw new Error("the hook server ended before it listened");
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
