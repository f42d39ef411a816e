import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a child of a bench says once it is ready, and when it is asked for its use of the processor. */
type ChildMessage =
  | { readonly kind: "ready"; readonly value: unknown }
  | { readonly kind: "cpu"; readonly us: number }
  | { readonly kind: "result"; readonly value: unknown };

/** A process of its own, so that its CPU time is its own. */
export interface Child<T> {
  /** What it said when it was ready, such as its port. */
  readonly value: T;
  /** CPU microseconds, user and system, since its start. */
  cpu(): Promise<number>;
  /** Asks it for one round of work and waits for the result. */
  run<R>(task: unknown): Promise<R>;
  stop(): void;
}

/** Starts `module` (a URL from `import.meta.resolve`) with `options`, and waits until it calls `ready`. */
export async function startChild<T>(module: string, options: unknown): Promise<Child<T>> {
  const child = fork(fileURLToPath(module), [JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  // A bench without one of its parts measures nothing.
  child.once("exit", (code, signal) => {
    if (signal === "SIGKILL") return;
    console.error(`${module} ended with ${code ?? signal}`);
    process.exit(1);
  });
  const value = await next<T>(child, "ready");
  return {
    value,
    async cpu() {
      child.send({ kind: "cpu" });
      return next<number>(child, "cpu");
    },
    async run<R>(task: unknown) {
      child.send({ kind: "run", task });
      return next<R>(child, "result");
    },
    stop: () => void child.kill("SIGKILL"),
  };
}

/** The next message of a kind. The children are ours, so their answers have the shape that was asked for. */
function next<T>(child: ChildProcess, kind: ChildMessage["kind"]): Promise<T> {
  return new Promise((resolve) => {
    const onMessage = (message: ChildMessage): void => {
      if (message.kind !== kind) return;
      child.off("message", onMessage);
      resolve((message.kind === "cpu" ? message.us : message.value) as T);
    };
    child.on("message", onMessage);
  });
}

/** In a child: the options that it was started with. */
export function childOptions<T>(): T {
  return JSON.parse(process.argv[2] ?? "null") as T;
}

/** In a child: says that it is ready, answers questions about its CPU time, does rounds of work, and ends with its parent. */
export function ready(value: unknown, run?: (task: unknown) => Promise<unknown>): void {
  process.on("disconnect", () => process.exit());
  process.on("message", (message: { readonly kind: string; readonly task?: unknown }) => {
    if (message.kind === "cpu") {
      const { user, system } = process.cpuUsage();
      process.send?.({ kind: "cpu", us: user + system });
    }
    if (message.kind === "run")
      void run?.(message.task).then((result) => process.send?.({ kind: "result", value: result }));
  });
  process.send?.({ kind: "ready", value });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function percentile(sorted: Float64Array | readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Prints rows under a head, numbers to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const text = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...text.map((row) => row[column]?.length ?? 0)));
  for (const row of text) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join("  "));
  }
}
