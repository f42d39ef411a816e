import { tryParseAuthority } from "@patchbay/model";
import { noLog } from "@patchbay/wire";
import { endpointKey } from "../../src/core/report/endpoint-key.ts";
import type { Endpoint, Recorder, RequestRecord, Route, Router } from "../../src/core/types.ts";
import { createProxy } from "../../src/proxy/proxy.ts";
import type { ProxyOptions, SidecarProxy } from "../../src/proxy/proxy-options.ts";
import { identityOf } from "./certificates.ts";

/** What one attempt came to, as the balancer hears it. */
export interface Ended {
  readonly key: string;
  readonly failed: boolean | undefined;
}

export interface TestRouter extends Router {
  /** Names that are served, by their short form. */
  readonly table: Map<string, readonly Endpoint[] | Route>;
  readonly asked: string[];
  readonly ended: Ended[];
  /** Picks that have not ended. */
  outstanding: number;
}

export function endpoint(port: number, options: Partial<Endpoint> = {}): Endpoint {
  return { address: "127.0.0.1", port, protocol: "any", identity: "", ...options };
}

/** Serves the names of its table in turn, everything else as egress; retries as `retries` says. */
export function createTestRouter(entries: Record<string, readonly Endpoint[] | Route> = {}, retries = 100): TestRouter {
  const table = new Map(Object.entries(entries));
  let budget = retries;
  let turn = 0;
  const withdraw = (): boolean => {
    budget -= 1;
    return budget >= 0;
  };
  const router: TestRouter = {
    table,
    asked: [],
    ended: [],
    outstanding: 0,
    route(authority) {
      router.asked.push(authority);
      const name = tryParseAuthority(authority)?.shortHost;
      if (name === undefined)
        return Promise.resolve({ kind: "refused", target: authority, status: 400, reason: "not an authority" });
      const found = table.get(name);
      if (found === undefined) return Promise.resolve({ kind: "egress", target: "egress" });
      if (!isEndpoints(found)) return Promise.resolve(found);
      return Promise.resolve({
        kind: "mesh",
        target: name,
        reason: `nobody serves ${name} at this moment`,
        retries: { deposit: () => undefined, withdraw },
        pick(tried) {
          const rest = found.filter((candidate) => !tried.has(endpointKey(candidate)));
          const candidates = rest.length > 0 ? rest : found;
          turn += 1;
          const chosen = candidates[turn % candidates.length];
          if (chosen === undefined) return undefined;
          const key = endpointKey(chosen);
          router.outstanding += 1;
          return {
            endpoint: chosen,
            key,
            end(result) {
              router.outstanding -= 1;
              router.ended.push({ key, failed: result?.failed });
            },
          };
        },
      });
    },
  };
  return router;
}

function isEndpoints(entry: readonly Endpoint[] | Route): entry is readonly Endpoint[] {
  return Array.isArray(entry);
}

export interface TestRecorder extends Recorder {
  readonly records: RequestRecord[];
  readonly open: { direction: string; source: string; target: string; tls: boolean }[];
}

export function createTestRecorder(): TestRecorder {
  const recorder: TestRecorder = {
    records: [],
    open: [],
    request: (record) => void recorder.records.push(record),
    opened: (connection) => void recorder.open.push(connection),
  };
  return recorder;
}

export interface StartedProxy extends AsyncDisposable {
  readonly proxy: SidecarProxy;
  readonly router: TestRouter;
  readonly recorder: TestRecorder;
}

export interface StartOptions extends Partial<Omit<ProxyOptions, "router" | "recorder">> {
  readonly routes?: Record<string, readonly Endpoint[] | Route>;
  readonly retries?: number;
}

/** A proxy of its own on free ports. */
export async function startProxy({ routes, retries, ...options }: StartOptions = {}): Promise<StartedProxy> {
  const router = createTestRouter(routes, retries);
  const recorder = createTestRecorder();
  const proxy = createProxy({
    self: { service: "caller", namespace: "default" },
    outbound: { host: "127.0.0.1", port: 0 },
    identity: identityOf(),
    log: noLog,
    ...options,
    router,
    recorder,
  });
  await proxy.start();
  return {
    proxy,
    router,
    recorder,
    [Symbol.asyncDispose]: () => Promise.resolve(proxy.stop()),
  };
}
