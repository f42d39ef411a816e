import { Agent, request } from "node:http";
import { eventually } from "@patchbay/testkit";

export interface LoadOptions {
  /** The sidecar's outbound port: requests are sent there as a program does whose environment names a proxy. */
  readonly port: number;
  /** Asked in turn, each by GET and by POST. */
  readonly urls: readonly string[];
  /** Default 700. */
  readonly perSecond?: number;
}

export interface FailedRequest {
  readonly method: string;
  readonly url: string;
  /** 0: no response. */
  readonly status: number;
  /** The response's body, or what broke. */
  readonly text: string;
}

/** Requests at a steady rate, whether answers come or not. Each must be answered 200 with its own id. */
export interface Load {
  sent(): number;
  inFlight(): number;
  readonly failures: readonly FailedRequest[];
  /** Ends when every request has been answered. Resolves with what it came to, in one line. */
  stop(): Promise<string>;
}

const tickMs = 10;
/** Many times what is in flight at that rate; a machine that is too slow for it gets less of it. */
const maxInFlight = 200;

let loads = 0;

export function startLoad({ port, urls, perSecond = 700 }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: maxInFlight });
  const failures: FailedRequest[] = [];
  loads += 1;
  const name = `load-${loads}`;
  const startedAt = performance.now();
  let toldAt = startedAt;
  let sent = 0;
  let due = 0;
  let inFlight = 0;
  let idle: () => void = () => undefined;

  const send = (): void => {
    const id = `${name}/${sent}`;
    const method = sent % 2 === 0 ? "GET" : "POST";
    const url = urls[(sent >> 1) % urls.length] ?? "";
    sent += 1;
    inFlight += 1;
    let open = true;
    const done = (status: number, text: string): void => {
      if (!open) return;
      open = false;
      if (status !== 200 || text !== `${method} ${id}`) failures.push({ method, url, status, text });
      inFlight -= 1;
      if (inFlight === 0) idle();
    };
    const call = request({ agent, port, method, path: `${url}${id}`, headers: { host: new URL(url).host } });
    call.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.once("close", () => done(response.complete ? (response.statusCode ?? 0) : 0, text));
    });
    call.once("error", (error) => done(0, error.message));
    call.end(method === "POST" ? id : undefined);
  };
  const timer = setInterval(() => {
    const now = performance.now();
    // What a busy machine could not send in time is not sent all at once.
    due = Math.min(due + (perSecond * (now - toldAt)) / 1_000, perSecond / 4);
    toldAt = now;
    for (; due >= 1 && inFlight < maxInFlight; due -= 1) send();
  }, tickMs);
  return {
    sent: () => sent,
    inFlight: () => inFlight,
    failures,
    async stop() {
      clearInterval(timer);
      const seconds = (performance.now() - startedAt) / 1_000;
      if (inFlight > 0) await new Promise<void>((resolve) => (idle = resolve));
      agent.destroy();
      return `${sent} requests, ${Math.round(sent / seconds)}/s, ${failures.length} failed`;
    },
  };
}

const patienceMs = 30_000;

/** Waits until so many more requests have been sent. */
export async function sentAnother(load: Load, count: number): Promise<void> {
  const from = load.sent();
  await eventually(() => load.sent() >= from + count);
}

/** Waits until a service answers. Resolves with the number of requests that it took. */
export async function reached(port: number, service: string): Promise<number> {
  let sent = 0;
  await eventually(async () => {
    const load = startLoad({ port, urls: [`http://${service}/`], perSecond: 100 });
    await eventually(() => load.sent() > 0);
    await load.stop();
    sent += load.sent();
    return load.failures.length === 0;
  }, patienceMs);
  return sent;
}
