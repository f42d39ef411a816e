import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ensureConsumer, mintToken, reportSubject, STREAMS } from "@patchbay/wire";
import { playRegistry } from "./events/registry.ts";
import type { ConsumeTask, PublishTask } from "./events/tasks.ts";
import { type Child, median, printTable, startChild } from "./harness.ts";
import { type BenchNats, startBenchNats } from "./telemetry/nats.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const EVENTS = Number(process.env["BENCH_EVENTS"] ?? 20_000);
/** Rounds that are not counted: until the JIT compiler and the heap have settled. */
const WARM_UP_ROUNDS = 2;
const CONCURRENCY = 256;
const ACK_WAIT_MS = 30_000;
const MAX_DELIVER = 5;

/** Who takes events to a handler: the mesh, whose handler reads a report's head or all its rows; the client by hand. */
const kinds = {
  head: "mesh, handler reads the head",
  rows: "mesh, handler reads all rows",
  bare: "bare client",
  decoding: "bare client, decodes all rows",
  plain: "bare client, id as only header",
} as const;
type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];

/** What is divided by what. */
const RATIOS: readonly (readonly [mesh: Kind, bare: Kind])[] = [
  ["head", "bare"],
  ["rows", "bare"],
  ["rows", "decoding"],
  ["head", "plain"],
];

interface Pair {
  readonly publisher: Child<undefined>;
  readonly consumer: Child<undefined>;
  /** Events that the consumer has handled since its start. */
  handled: number;
}

interface Round {
  /** Of both processes, for one event. */
  readonly publishUs: number;
  readonly consumeUs: number;
  readonly perSecond: number;
}

/** From a decoded report to a plugin's handler and its acknowledgement, beside the bare client with the same messages. */
export async function run(): Promise<void> {
  await using nats = await startBenchNats();
  await using registries = new AsyncDisposableStack();
  const pairs: Record<Kind, Pair> = {
    head: await startMeshPair(nats, registries, "head"),
    rows: await startMeshPair(nats, registries, "rows"),
    bare: await startBarePair(nats, "bare"),
    decoding: await startBarePair(nats, "decoding"),
    plain: await startBarePair(nats, "plain"),
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await measureAll(pairs, round);
  const rounds: Record<Kind, Round>[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measureAll(pairs, round));
  for (const { publisher, consumer } of Object.values(pairs)) for (const child of [publisher, consumer]) child.stop();
  print(rounds);
}

/** Each reads what is published in its own name. */
function consumerFor({ bus }: BenchNats, kind: Kind): Promise<void> {
  return ensureConsumer(bus.admin(), {
    stream: STREAMS.report,
    name: kind,
    concurrency: CONCURRENCY,
    ackWaitMs: ACK_WAIT_MS,
    maxDeliver: MAX_DELIVER,
    subjects: [reportSubject("default", kind)],
  });
}

async function startMeshPair(nats: BenchNats, registries: AsyncDisposableStack, reads: "head" | "rows"): Promise<Pair> {
  await consumerFor(nats, reads);
  const played = await playRegistry({
    servers: [nats.url],
    token: "none",
    inboxPrefix: "_INBOX_plugin",
    apiPrefix: "$JS.API",
    consumers: [
      {
        class: "report",
        stream: STREAMS.report,
        name: reads,
        concurrency: CONCURRENCY,
        ackWait: durationFromMs(ACK_WAIT_MS),
        maxDeliver: MAX_DELIVER,
      },
    ],
  });
  const registry = registries.use(played);
  const expiresAt = Date.now() + 3_600_000;
  const claims = { kind: "plugin", namespace: "default", name: "bench-sink", instance: "one", expiresAt } as const;
  const token = mintToken(new Uint8Array(32), claims);
  const plugin = { registry: registry.address, token, reads };
  return {
    publisher: await startChild(import.meta.resolve("./events/publisher.ts"), { natsUrl: nats.url, service: reads }),
    consumer: await startChild(import.meta.resolve("./events/plugin.ts"), plugin),
    handled: 0,
  };
}

async function startBarePair(nats: BenchNats, kind: "bare" | "decoding" | "plain"): Promise<Pair> {
  await consumerFor(nats, kind);
  const natsUrl = nats.url;
  const reader = {
    natsUrl,
    stream: STREAMS.report,
    consumer: kind,
    concurrency: CONCURRENCY,
    decode: kind === "decoding",
  };
  const writer = { natsUrl, service: kind, sameHeaders: kind !== "plain" };
  return {
    publisher: await startChild(import.meta.resolve("./events/bare-publisher.ts"), writer),
    consumer: await startChild(import.meta.resolve("./events/bare-consumer.ts"), reader),
    handled: 0,
  };
}

/** One after the other, so that whatever else the machine does meets all of them; each round begins with another one. */
async function measureAll(pairs: Readonly<Record<Kind, Pair>>, round: number): Promise<Record<Kind, Round>> {
  const measured: Partial<Record<Kind, Round>> = {};
  const first = round % names.length;
  for (const kind of [...names.slice(first), ...names.slice(0, first)]) measured[kind] = await measure(pairs[kind]);
  return measured as Record<Kind, Round>;
}

async function measure(pair: Pair): Promise<Round> {
  const { publisher, consumer } = pair;
  const before = [await publisher.cpu(), await consumer.cpu()] as const;
  pair.handled += EVENTS;
  const start = performance.now();
  const reached = consumer.run<void>({ handled: pair.handled } satisfies ConsumeTask);
  await publisher.run<void>({ events: EVENTS } satisfies PublishTask);
  await reached;
  const seconds = (performance.now() - start) / 1_000;
  return {
    publishUs: ((await publisher.cpu()) - before[0]) / EVENTS,
    consumeUs: ((await consumer.cpu()) - before[1]) / EVENTS,
    perSecond: EVENTS / seconds,
  };
}

function print(rounds: readonly Readonly<Record<Kind, Round>>[]): void {
  const both = (round: Round): number => round.publishUs + round.consumeUs;
  const columns: readonly ((round: Round) => number)[] = [
    (round) => round.publishUs,
    (round) => round.consumeUs,
    both,
    (round) => round.perSecond,
  ];
  const of = (kind: Kind) => columns.map((value) => median(rounds.map((round) => value(round[kind]))).toFixed(1));
  const ratio = (mesh: Kind, bare: Kind) =>
    columns.map((value) => median(rounds.map((round) => value(round[mesh]) / value(round[bare]))).toFixed(2));
  console.log(`${ROUNDS} rounds of ${EVENTS} events; medians, of ratios too\n`);
  printTable(
    ["report to handler", "publish CPU us", "consume CPU us", "both", "events/s"],
    [
      ...names.map((kind) => [kinds[kind], ...of(kind)]),
      ...RATIOS.map(([mesh, bare]) => [`${kinds[mesh]} / ${kinds[bare]}`, ...ratio(mesh, bare)]),
    ],
  );
}
