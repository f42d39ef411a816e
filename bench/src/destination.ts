import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { ResolveRequestSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { envelope } from "@patchbay/runtime";
import type { LoadTask, ServerTask } from "./destination/tasks.ts";
import { type Child, median, percentile, printTable, startChild } from "./harness.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const PUSHES = Number(process.env["BENCH_PUSHES"] ?? 100);
const WARM_UP = 20;
const STREAMS = 1_000;
const IDLE_STREAMS = 5_000;

interface Server {
  readonly child: Child<{ port: number }>;
  readonly token: string;
}

interface Round {
  /** Of the server process, for one update to one stream. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One endpoint change to 1000 destination streams, one connection each, and memory of 5000 idle ones; beside bare node:http2. */
export async function run(): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "bench-destination-"));
  try {
    const update = await oneUpdate(stateDir);
    const bytes = Buffer.from(update, "base64").byteLength;
    console.log(`update of ${bytes} B, ${ROUNDS} rounds of ${PUSHES} changes, coalescing off; medians\n`);
    const kinds = { service: () => startService(stateDir), bare: () => startBare(update) };
    await compareFanOut(kinds, bytes);
    console.log("");
    await compareMemory(kinds, bytes);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

interface Kinds {
  service(): Promise<Server>;
  bare(): Promise<Server>;
}

async function startService(stateDir: string): Promise<Server> {
  const child = await startChild<{ port: number; token: string }>(import.meta.resolve("./destination/service.ts"), {
    stateDir,
  });
  return { child, token: child.value.token };
}

async function startBare(update: string): Promise<Server> {
  return {
    child: await startChild<{ port: number }>(import.meta.resolve("./destination/bare.ts"), { update }),
    token: "none",
  };
}

/** The first message that the service sends, so that both write the same bytes. */
async function oneUpdate(stateDir: string): Promise<string> {
  const { child, token } = await startService(stateDir);
  const session = connect(`http://127.0.0.1:${child.value.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/mesh.destination.v1.Destination/Resolve",
    "content-type": "application/connect+proto",
    authorization: `Bearer ${token}`,
  });
  stream.end(envelope(toBinary(ResolveRequestSchema, create(ResolveRequestSchema, { authority: "users" }))));
  const first = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
  session.destroy();
  child.stop();
  return first.toString("base64");
}

async function compareFanOut(kinds: Kinds, updateBytes: number): Promise<void> {
  const rounds: { service: Round; bare: Round }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const service = await fanOut(await kinds.service(), updateBytes);
    rounds.push({ service, bare: await fanOut(await kinds.bare(), updateBytes) });
  }
  const of = (key: keyof Round, kind: keyof Kinds) => median(rounds.map((round) => round[kind][key]));
  const ratio = (key: keyof Round) => median(rounds.map(({ service, bare }) => service[key] / bare[key]));
  const row = (kind: keyof Kinds) => [
    kind,
    of("cpuUs", kind).toFixed(1),
    of("p50Ms", kind).toFixed(1),
    of("p99Ms", kind).toFixed(1),
  ];
  printTable(
    [`${STREAMS} streams`, "CPU us/update", "to last p50 ms", "p99 ms"],
    [
      row("service"),
      row("bare"),
      ["ratio", ratio("cpuUs").toFixed(2), ratio("p50Ms").toFixed(2), ratio("p99Ms").toFixed(2)],
    ],
  );
}

async function fanOut(server: Server, updateBytes: number): Promise<Round> {
  const load = await startLoad();
  try {
    await open(load, server, { streams: STREAMS, updateBytes });
    for (let push = 1; push <= WARM_UP; push++) await pushOnce(server, load, push);
    const before = await server.child.cpu();
    const times: number[] = [];
    for (let push = WARM_UP + 1; push <= WARM_UP + PUSHES; push++) times.push(await pushOnce(server, load, push));
    const cpuUs = (await server.child.cpu()) - before;
    times.sort((a, b) => a - b);
    return { cpuUs: cpuUs / (PUSHES * STREAMS), p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
  } finally {
    load.stop();
    server.child.stop();
  }
}

/** Milliseconds from the change to its arrival at the last stream. The first update came when the streams opened. */
async function pushOnce(server: Server, load: Child<unknown>, push: number): Promise<number> {
  const arrived = load.run<string>({ kind: "await", updates: push + 1 } satisfies LoadTask);
  const started = await server.child.run<string>({ kind: "push", sequence: push } satisfies ServerTask);
  return Number(BigInt(await arrived) - BigInt(started)) / 1e6;
}

async function compareMemory(kinds: Kinds, updateBytes: number): Promise<void> {
  const rounds: { service: number; bare: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const service = await idleBytes(await kinds.service(), updateBytes);
    rounds.push({ service, bare: await idleBytes(await kinds.bare(), updateBytes) });
  }
  const kilobytes = (kind: keyof Kinds) => (median(rounds.map((round) => round[kind])) / 1024).toFixed(1);
  const ratio = median(rounds.map(({ service, bare }) => service / bare)).toFixed(2);
  printTable(
    [`${IDLE_STREAMS} idle streams`, "KiB/stream"],
    [
      ["service", kilobytes("service")],
      ["bare", kilobytes("bare")],
      ["ratio", ratio],
    ],
  );
}

async function idleBytes(server: Server, updateBytes: number): Promise<number> {
  const load = await startLoad();
  try {
    const memory = () => server.child.run<number>({ kind: "memory" } satisfies ServerTask);
    const before = await memory();
    await open(load, server, { streams: IDLE_STREAMS, updateBytes });
    return ((await memory()) - before) / IDLE_STREAMS;
  } finally {
    load.stop();
    server.child.stop();
  }
}

function startLoad(): Promise<Child<unknown>> {
  return startChild(import.meta.resolve("./destination/load.ts"), {});
}

function open(
  load: Child<unknown>,
  { child, token }: Server,
  size: { streams: number; updateBytes: number },
): Promise<void> {
  const task: LoadTask = { kind: "open", port: child.value.port, token, ...size };
  return load.run<void>(task);
}
