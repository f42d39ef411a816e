import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Settles when a NATS server greets at the port; rejects when none did within `timeoutMs`, or `signal` aborts. */
export async function waitForNats(
  host: string,
  port: number,
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!(await greets(host, port))) {
    options.signal?.throwIfAborted();
    if (performance.now() > deadline) {
      throw new Error(`nats-server does not answer on ${host}:${port} after ${options.timeoutMs} ms`);
    }
    await sleep(20);
  }
}

/** A server's first line is `INFO {…}` (NATS client protocol). */
function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("data", (data) => end(data.toString("latin1").startsWith("INFO ")));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
