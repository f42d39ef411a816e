import { Agent, get } from "node:http";
import { connect } from "node:net";
import { pause } from "@patchbay/model";
import type { ProgramReadiness } from "../sidecar.ts";

export interface ProbeOptions {
  readonly port: number;
  /** Path that answers 200 to 299 when the program is ready. Undefined: it is ready when its port accepts. */
  readonly health?: string;
  /** Between two looks. Faster until it is ready for the first time. */
  readonly intervalMs?: number;
  onChange(state: ProgramReadiness): void;
}

const INTERVAL_MS = 1_000;
const FIRST_INTERVAL_MS = 50;
const TIMEOUT_MS = 1_000;
/** One miss may be a busy program; two in a row are a program that does not serve. */
const MISSES = 2;

/** Looks at a program again and again, and tells when it becomes ready or stops being so. Returns how to end it. */
export function probeProgram(options: ProbeOptions): () => void {
  const stopped = new AbortController();
  const { intervalMs = INTERVAL_MS } = options;
  void lookForEver();

  async function lookForEver(): Promise<void> {
    let told: ProgramReadiness | undefined;
    let misses = 0;
    while (!stopped.signal.aborted) {
      const state = await look(options);
      if (stopped.signal.aborted) return;
      misses = state.ready ? 0 : misses + 1;
      const wasReady = told?.ready ?? false;
      if (state.ready !== wasReady || told === undefined) {
        if (state.ready || !wasReady || misses >= MISSES) {
          told = state;
          options.onChange(state);
        }
      }
      await pause(told?.ready === true ? intervalMs : FIRST_INTERVAL_MS, stopped.signal);
    }
  }
  return () => stopped.abort();
}

/** Where something accepts connections on this port of loopback, IPv4 first; undefined: nowhere. */
export async function whoAccepts(port: number): Promise<string | undefined> {
  const answers = await Promise.all(LOOPBACKS.map((host) => acceptsAt(host, port)));
  return LOOPBACKS[answers.indexOf(true)];
}

const LOOPBACKS: readonly string[] = ["127.0.0.1", "::1"];

function acceptsAt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIMEOUT_MS, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

async function look({ port, health }: ProbeOptions): Promise<ProgramReadiness> {
  const host = await whoAccepts(port);
  if (host === undefined) return { ready: false, reason: `port ${port} does not accept connections` };
  if (health === undefined) return { ready: true, reason: "", host };
  const reason = await askHealth({ host, port, path: health });
  return { ready: reason === "", reason, host };
}

/** Of its own, so that no variable of the environment sends the question to a proxy. */
const agent = new Agent({ keepAlive: false });

/** Why it is not healthy; empty when it is. */
function askHealth({ host, port, path }: { host: string; port: number; path: string }): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status <= 299 ? "" : `${path} answered ${status}`);
    });
    request.once("timeout", () => request.destroy(new Error(`${path} did not answer in ${TIMEOUT_MS} ms`)));
    request.once("error", (error) => resolve(error.message));
  });
}
