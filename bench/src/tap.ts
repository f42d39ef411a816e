import { randomBytes } from "node:crypto";
import { type Child, median, printTable, startChild } from "./harness.ts";
import type { LoadResult, LoadTask } from "./sidecar/load.ts";
import type { MeshProxyOptions } from "./sidecar/mesh-proxy.ts";
import type { ReaderOptions, ReadResult, ReadTask } from "./tap/reader.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 2_500);
const WARM_UP_MS = 200;
const CONCURRENCY = 32;

type Tapped = Omit<ReadTask, "address">;

const NOTHING: Tapped = { where: "", maxRps: 100, showHeaders: [] };
/** As the documentation has it; it asks for the answer, so it is evaluated at the end of every request. */
const FAILURES = 'response.code >= 500 && request.path.startsWith("/cart")';

const WAYS: readonly (readonly [string, Tapped | undefined])[] = [
  ["no tap", undefined],
  ["everything, 100/s", NOTHING],
  ["everything, all headers, 1000/s", { ...NOTHING, maxRps: 1_000, showHeaders: ["*"] }],
  ["expression, no match", { ...NOTHING, where: FAILURES }],
];

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly failed: number;
  readonly shown: number;
}

interface Proxied {
  readonly outbound: number;
  readonly admin: string;
}

/** What one tap costs a sidecar: the same proxy, tapped and not, in turns. */
export async function run(): Promise<void> {
  const children: Child<unknown>[] = [];
  const start = async <T>(module: string, options: unknown = null): Promise<Child<T>> => {
    const child = await startChild<T>(import.meta.resolve(module), options);
    children.push(child);
    return child;
  };
  try {
    const key = randomBytes(32).toString("base64");
    const backend = await start<{ http1: number; http2: number }>("./sidecar/backend.ts");
    const load = await start<undefined>("./sidecar/load.ts");
    const reader = await start<undefined>("./tap/reader.ts", { key } satisfies ReaderOptions);
    for (const protocol of ["http1", "grpc"] as const) {
      const port = protocol === "http1" ? backend.value.http1 : backend.value.http2;
      const endpoint = { address: "127.0.0.1", port, protocol: "any", identity: "" } as const;
      const options: MeshProxyOptions = { service: "web", identity: undefined, endpoints: [endpoint], app: 0, key };
      const proxy = await start<Proxied>("./sidecar/mesh-proxy.ts", options);
      await compare({ load, reader, proxy }, protocol);
    }
  } finally {
    for (const child of children) child.stop();
  }
}

interface Setting {
  readonly load: Child<undefined>;
  readonly reader: Child<undefined>;
  readonly proxy: Child<Proxied>;
}

async function compare(setting: Setting, protocol: LoadTask["protocol"]): Promise<void> {
  const results = new Map<string, Measured[]>(WAYS.map(([name]) => [name, []]));
  // The first time round warms up.
  for (let round = -1; round < ROUNDS; round += 1)
    for (const [name, tapped] of WAYS) {
      const ms = round < 0 ? WARM_UP_MS : ROUND_MS;
      const measured = await measure(setting, { protocol, ms }, tapped);
      if (round >= 0) results.get(name)?.push(measured);
    }
  const shares = new Map<string, number>();
  for (const [name, tapped] of WAYS) {
    await setting.proxy.run("start");
    await measure(setting, { protocol, ms: ROUND_MS }, tapped);
    shares.set(name, await setting.proxy.run<number>("stop"));
  }
  print({ results, shares }, protocol);
}

interface Results {
  readonly results: ReadonlyMap<string, readonly Measured[]>;
  /** Of the proxy's time, by sampling. */
  readonly shares: ReadonlyMap<string, number>;
}

function print({ results, shares }: Results, protocol: string): void {
  const of = (name: string, pick: (measured: Measured) => number): number =>
    median((results.get(name) ?? []).map(pick));
  // What others do on the machine only adds, so the least of all rounds is nearest to what it costs.
  const least = (name: string): number => Math.min(...(results.get(name) ?? []).map(({ cpuUs }) => cpuUs));
  console.log(`\n${protocol}, ${CONCURRENCY} at a time, ${ROUNDS} rounds of ${ROUND_MS} ms: medians, least CPU`);
  printTable(
    ["tap", "req/s", "CPU us/req", "ratio", "share of the proxy", "shown", "failed"],
    WAYS.map(([name]) => [
      name,
      Math.round(of(name, (m) => m.perSecond)),
      least(name).toFixed(1),
      (least(name) / least("no tap")).toFixed(3),
      `${((shares.get(name) ?? 0) * 100).toFixed(1)} %`,
      of(name, (m) => m.shown),
      of(name, (m) => m.failed),
    ]),
  );
}

async function measure(
  setting: Setting,
  round: Pick<LoadTask, "protocol" | "ms">,
  tapped: Tapped | undefined,
): Promise<Measured> {
  const { load, reader, proxy } = setting;
  await reader.run<ReadResult>({ address: tapped === undefined ? "" : proxy.value.admin, ...(tapped ?? NOTHING) });
  const before = await proxy.cpu();
  const task: LoadTask = { ...round, port: proxy.value.outbound, concurrency: CONCURRENCY };
  const { perSecond, all, failed } = await load.run<LoadResult>(task);
  const cpuUs = ((await proxy.cpu()) - before) / all;
  const { shown } = await reader.run<ReadResult>({ address: "", ...NOTHING });
  return { perSecond, cpuUs, failed, shown };
}
