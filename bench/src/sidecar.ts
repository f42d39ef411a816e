import type { WorkloadCertificate } from "@patchbay/dataplane-client";
import type { Endpoint } from "../../dataplanes/sidecar/src/core/types.ts";
import { createAuthority, spiffe } from "../../dataplanes/sidecar/test/support/certificates.ts";
import { type Child, median, printTable, startChild } from "./harness.ts";
import type { LoadResult, LoadTask } from "./sidecar/load.ts";
import type { MeshProxyOptions } from "./sidecar/mesh-proxy.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 2_000);
const CONCURRENCY = 32;

interface Ports {
  readonly http1: number;
  readonly http2: number;
}

/** One way from the load to the backend: where to send, and whose CPU time is counted. */
interface Way {
  readonly name: string;
  readonly ports: Ports;
  readonly measured: readonly Child<unknown>[];
}

interface Measured extends LoadResult {
  readonly cpuUs: number;
}

/** Sidecar over HTTP/1.1 and gRPC, all features on, mTLS off and on, beside the shortest proxy that works and beside none. */
export async function run(): Promise<void> {
  const children: Child<unknown>[] = [];
  const start = async <T>(name: string, options: unknown = null): Promise<Child<T>> => {
    const child = await startChild<T>(import.meta.resolve(`./sidecar/${name}.ts`), options);
    children.push(child);
    return child;
  };
  try {
    const backend = await start<Ports>("backend");
    const load = await start<undefined>("load");
    const ways = [
      { name: "none", ports: backend.value, measured: [backend] },
      await bareWay(start, backend.value),
      await plainWay(start, backend.value),
      await mutualWay(start, backend.value),
    ];
    for (const protocol of ["http1", "grpc"] as const) await compare(load, ways, protocol);
  } finally {
    for (const child of children) child.stop();
  }
}

type Start = <T>(name: string, options?: unknown) => Promise<Child<T>>;

async function bareWay(start: Start, backend: Ports): Promise<Way> {
  const proxy = await start<Ports>("bare-proxy", backend);
  return { name: "bare proxy", ports: proxy.value, measured: [proxy] };
}

/** Plain text to the endpoint: one sidecar, as in front of a program without one. */
async function plainWay(start: Start, backend: Ports): Promise<Way> {
  const proxies: Child<{ outbound: number }>[] = [];
  for (const port of [backend.http1, backend.http2]) {
    const options: MeshProxyOptions = { service: "web", identity: undefined, endpoints: [endpoint(port, "")], app: 0 };
    proxies.push(await start("mesh-proxy", options));
  }
  return { name: "sidecar", ports: portsOf(proxies), measured: proxies };
}

/** Mutual TLS: the caller's sidecar and the program's, each a process. */
async function mutualWay(start: Start, backend: Ports): Promise<Way> {
  const authority = createAuthority();
  const measured: Child<unknown>[] = [];
  const outer: Child<{ outbound: number }>[] = [];
  const sidecar = async <T>(
    service: string,
    identity: WorkloadCertificate,
    rest: Pick<MeshProxyOptions, "endpoints" | "app">,
  ): Promise<Child<T>> => {
    const child = await start<T>("mesh-proxy", { service, identity, ...rest } satisfies MeshProxyOptions);
    measured.push(child);
    return child;
  };
  for (const port of [backend.http1, backend.http2]) {
    const inner = await sidecar<{ inbound: number }>("users", authority.issue("users"), { endpoints: [], app: port });
    const endpoints = [endpoint(inner.value.inbound, spiffe("users"))];
    outer.push(await sidecar("web", authority.issue("web"), { endpoints, app: 0 }));
  }
  return { name: "two sidecars, mTLS", ports: portsOf(outer), measured };
}

function endpoint(port: number, identity: string): Endpoint {
  return { address: "127.0.0.1", port, protocol: "any", identity };
}

function portsOf([http1, http2]: readonly Child<{ outbound: number }>[]): Ports {
  return { http1: http1?.value.outbound ?? 0, http2: http2?.value.outbound ?? 0 };
}

async function compare(load: Child<undefined>, ways: readonly Way[], protocol: LoadTask["protocol"]): Promise<void> {
  const results = new Map<Way, Measured[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const way of ways) results.get(way)?.push(await measure(load, way, protocol));
  const of = (way: Way | undefined, pick: (measured: Measured) => number): number =>
    median((way === undefined ? [] : (results.get(way) ?? [])).map(pick));
  const [none, bare] = ways;
  console.log(`\n${protocol}, ${CONCURRENCY} at a time, medians of ${ROUNDS} rounds of ${ROUND_MS} ms`);
  const rows = ways.map((way) => [
    way.name,
    Math.round(of(way, (m) => m.perSecond)),
    (of(way, (m) => m.perSecond) / of(bare, (m) => m.perSecond)).toFixed(2),
    of(way, (m) => m.cpuUs).toFixed(1),
    (of(way, (m) => m.p50Ms) - of(none, (m) => m.p50Ms)).toFixed(2),
    (of(way, (m) => m.p99Ms) - of(none, (m) => m.p99Ms)).toFixed(2),
    of(way, (m) => m.failed),
  ]);
  printTable(["way", "req/s", "of bare", "CPU us/req", "added p50 ms", "added p99 ms", "failed"], rows);
}

async function measure(load: Child<undefined>, way: Way, protocol: LoadTask["protocol"]): Promise<Measured> {
  const port = protocol === "http1" ? way.ports.http1 : way.ports.http2;
  const before = await cpuOf(way);
  const result = await load.run<LoadResult>({
    protocol,
    port,
    concurrency: CONCURRENCY,
    ms: ROUND_MS,
  } satisfies LoadTask);
  return { ...result, cpuUs: ((await cpuOf(way)) - before) / result.all };
}

async function cpuOf(way: Way): Promise<number> {
  const used = await Promise.all(way.measured.map((child) => child.cpu()));
  return used.reduce((sum, us) => sum + us, 0);
}
