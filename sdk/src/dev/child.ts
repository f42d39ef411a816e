import { describeThrown } from "../errors/mistake.ts";
import { createLocalHost, type LocalHost } from "../host/local-host.ts";
import { LateAnswer } from "../host/run-decision.ts";
import { createOncePer } from "../serve/log-observer.ts";
import { createLog } from "../serve/logs.ts";
import { loadPlugin } from "./load-plugin.ts";
import type { DecisionResult, FromChild, ToChild } from "./messages.ts";

// Runs the author's file for `mesh-sdk dev`, which holds the registration and passes questions and events on.

const entry = process.argv[2] ?? "";
const running = new Map<number, AbortController>();

// Ctrl-C reaches the whole group; the parent decides when this process has done its part.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(0));
reportFloating();
await run();

async function run(): Promise<void> {
  try {
    const plugin = await loadPlugin(entry);
    const host = createLocalHost(plugin, createLog(plugin.name, { pretty: true }));
    process.on("message", (message: ToChild) => void take(host, message));
    send({ type: "loaded", manifest: host.manifest });
  } catch (error) {
    send({ type: "broken", message: error instanceof Error ? error.message : String(error) });
  }
}

async function take(host: LocalHost, message: ToChild): Promise<void> {
  if (message.type === "leave") return running.get(message.id)?.abort();
  if (message.type === "configure") return configure(host, message.id, message.config);
  const { id } = message;
  const stop = new AbortController();
  running.set(id, stop);
  if (message.type === "resolve") await answer(host, message, stop.signal);
  else if (message.type === "decide") send({ type: "decided", id, result: await decide(host, message, stop.signal) });
  else send({ type: "result", id, result: await host.deliver(message.event, stop.signal) });
  running.delete(id);
}

async function configure(host: LocalHost, id: number, config: unknown): Promise<void> {
  try {
    await host.configure(config);
    send({ type: "configured", id });
  } catch (error) {
    send({ type: "configured", id, problem: error instanceof Error ? error.message : String(error) });
  }
}

async function answer(
  host: LocalHost,
  { id, question }: Extract<ToChild, { type: "resolve" }>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const each of host.resolve(question, signal)) send({ type: "answer", id, answer: each });
    send({ type: "ended", id });
  } catch (error) {
    send({ type: "ended", id, problem: error instanceof Error ? error.message : String(error) });
  }
}

async function decide(
  host: LocalHost,
  { hook, question }: Extract<ToChild, { type: "decide" }>,
  signal: AbortSignal,
): Promise<DecisionResult> {
  try {
    return { answer: await host.decide(hook, question, signal) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error), late: error instanceof LateAnswer };
  }
}

function send(message: FromChild): void {
  if (process.connected) process.send?.(message);
}

function reportFloating(): void {
  const once = createOncePer(10_000);
  process.on("unhandledRejection", (thrown) => {
    const { message } = describeThrown("a promise that nobody awaited", thrown);
    if (once(message)) process.stderr.write(`${message} Is an \`await\` missing?\n`);
  });
  process.on("uncaughtException", (thrown) => {
    process.stderr.write(`${describeThrown("code outside of any handler", thrown).message}\n`);
    process.exit(1);
  });
}
