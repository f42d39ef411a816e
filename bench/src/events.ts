import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ensureConsumer, mintToken, reportSubject, STREAMS } from "@patchbay/wire";
import { playRegistry } from "./events/registry.ts";
import type { ConsumeTask, PublishTask } from "./events/tasks.ts";
import { type Child, median, printTable, startChild } from "./harness.ts";
import { type BenchNats, startBenchNats } from "./telemetry/nats.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const EVENTS = Number(process.env["BENCH_EVENTS"] ?? 20_000);
const CONCURRENCY = 256;
const ACK_WAIT_MS = 30_000;
const MAX_DELIVER = 5;

/** The mesh; the bare client; the bare client that also decodes what it reads. */
const kinds = ["mesh", "bare", "decoding"] as const;
type Kind = (typeof kinds)[number];

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

/** From a decoded report to a plugin's handler and its acknowledgement, beside the bare client. */
export async function run(): Promise<void> {
  await using nats = await startBenchNats();
  await consumerFor(nats, "plugin", "web");
  await consumerFor(nats, "bare", "bare");
  await consumerFor(nats, "decoding", "decoding");
  await using registry = await playRegistry({
    servers: [nats.url],
    token: "none",
    inboxPrefix: "_INBOX_plugin",
    apiPrefix: "$JS.API",
    consumers: [
      {
        class: "report",
        stream: STREAMS.report,
        name: "plugin",
        concurrency: CONCURRENCY,
        ackWait: durationFromMs(ACK_WAIT_MS),
        maxDeliver: MAX_DELIVER,
      },
    ],
  });
  const pairs: Record<Kind, Pair> = {
    mesh: await startMeshPair(nats.url, registry.address),
    bare: await startBarePair(nats.url, "bare"),
    decoding: await startBarePair(nats.url, "decoding"),
  };
  for (const kind of kinds) await measure(pairs[kind]);
  const rounds: Record<Kind, Round>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      mesh: await measure(pairs.mesh),
      bare: await measure(pairs.bare),
      decoding: await measure(pairs.decoding),
    });
  }
  for (const { publisher, consumer } of Object.values(pairs)) for (const child of [publisher, consumer]) child.stop();
  print(rounds);
}

function consumerFor({ bus }: BenchNats, name: string, service: string): Promise<void> {
  return ensureConsumer(bus.admin(), {
    stream: STREAMS.report,
    name,
    concurrency: CONCURRENCY,
    ackWaitMs: ACK_WAIT_MS,
    maxDeliver: MAX_DELIVER,
    subjects: [reportSubject("default", service)],
  });
}

async function startMeshPair(natsUrl: string, registry: string): Promise<Pair> {
  const expiresAt = Date.now() + 3_600_000;
  const claims = { kind: "plugin", namespace: "default", name: "bench-sink", instance: "one", expiresAt } as const;
  const token = mintToken(new Uint8Array(32), claims);
  return {
    publisher: await startChild(import.meta.resolve("./events/publisher.ts"), { natsUrl }),
    consumer: await startChild(import.meta.resolve("./events/plugin.ts"), { registry, token }),
    handled: 0,
  };
}

async function startBarePair(natsUrl: string, name: "bare" | "decoding"): Promise<Pair> {
  const options = {
    natsUrl,
    stream: STREAMS.report,
    consumer: name,
    concurrency: CONCURRENCY,
    decode: name === "decoding",
  };
  return {
    publisher: await startChild(import.meta.resolve("./events/bare-publisher.ts"), { natsUrl, service: name }),
    consumer: await startChild(import.meta.resolve("./events/bare-consumer.ts"), options),
    handled: 0,
  };
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
  const ratio = (kind: Kind) =>
    columns.map((value) => median(rounds.map((round) => value(round.mesh) / value(round[kind]))).toFixed(2));
  console.log(`${ROUNDS} rounds of ${EVENTS} events; medians\n`);
  printTable(
    ["report to handler", "publish CPU us", "consume CPU us", "both", "events/s"],
    [
      ["mesh", ...of("mesh")],
      ["bare client", ...of("bare")],
      ["bare client, decoding", ...of("decoding")],
      ["ratio to bare", ...ratio("bare")],
      ["ratio to decoding", ...ratio("decoding")],
    ],
  );
}
