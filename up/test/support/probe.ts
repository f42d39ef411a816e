import { Agent, request } from "node:http";
import { pause } from "@patchbay/model";

/** What an answer was, as far as rules are concerned. */
export interface Probed {
  /** 0: no response. */
  readonly status: number;
  /** Milliseconds from the question to the answer's head. */
  readonly ms: number;
  /** mesh-error and mesh-policy, or what broke. */
  readonly why: string;
}

const agent = new Agent({ keepAlive: true });

/** One request by way of a sidecar's outbound port. Never rejects. */
export function probe(port: number, url: string): Promise<Probed> {
  const from = performance.now();
  return new Promise((resolve) => {
    const end = (status: number, why: string): void => resolve({ status, ms: performance.now() - from, why });
    const call = request({ agent, port, path: url, headers: { host: new URL(url).host } }, (response) => {
      response.resume();
      const { "mesh-error": error = "", "mesh-policy": policy = "" } = response.headers;
      response.once("close", () => end(response.statusCode ?? 0, `${String(error)} ${String(policy)}`.trim()));
    });
    call.once("error", (error) => end(0, error.message));
    call.end();
  });
}

/** Asks again and again, one request at a time. */
export interface Prober {
  /** How often each status came. */
  readonly seen: ReadonlyMap<number, number>;
  /** Time of the slowest answer. */
  slowestMs(): number;
  /** Resolves with what came, such as "403: 210", and with the slowest answer. */
  stop(): Promise<string>;
}

export function startProber(port: number, url: string): Prober {
  const seen = new Map<number, number>();
  const stopping = new AbortController();
  let slowest = 0;
  const askForEver = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { status, ms } = await probe(port, url);
      seen.set(status, (seen.get(status) ?? 0) + 1);
      slowest = Math.max(slowest, ms);
      await pause(10, stopping.signal);
    }
  };
  const ended = askForEver();
  return {
    seen,
    slowestMs: () => slowest,
    async stop() {
      stopping.abort();
      await ended;
      const counts = [...seen].map(([status, times]) => `${status}: ${times}`);
      return `${counts.join(", ")}; slowest ${Math.round(slowest)} ms`;
    },
  };
}
