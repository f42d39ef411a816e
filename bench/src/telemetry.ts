import { STREAMS } from "@patchbay/wire";
import { type Child, median, printTable, startChild } from "./harness.ts";
import type { LoadTask } from "./telemetry/load.ts";
import { startBenchNats } from "./telemetry/nats.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const REPORTS = Number(process.env["BENCH_REPORTS"] ?? 8_000);
const ROWS = 100;

type Server = Child<{ readonly port: number; readonly token: string }>;

interface Round {
  /** Of the server process, for one report. */
  readonly cpuUs: number;
  readonly perSecond: number;
}

/** Reports of 100 rows with publishing on, beside the hand decoder on a bare HTTP/2 server and a bare publication. */
export async function run(): Promise<void> {
  await using nats = await startBenchNats();
  const options = { natsUrl: nats.url };
  const service: Server = await startChild(import.meta.resolve("./telemetry/service.ts"), options);
  const bare: Server = await startChild(import.meta.resolve("./telemetry/bare.ts"), options);
  const load: Child<undefined> = await startChild(import.meta.resolve("./telemetry/load.ts"), {});
  const measure = async (server: Server): Promise<Round> => {
    const before = await server.cpu();
    const task: LoadTask = { ...server.value, reports: REPORTS, rows: ROWS };
    const { seconds, reports } = await load.run<{ seconds: number; reports: number }>(task);
    const cpuUs = ((await server.cpu()) - before) / reports;
    await nats.bus.admin().streams.purge(STREAMS.report);
    return { cpuUs, perSecond: reports / seconds };
  };
  await measure(service);
  await measure(bare);
  const rounds: { service: Round; bare: Round }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ service: await measure(service), bare: await measure(bare) });
  }
  for (const child of [service, bare, load]) child.stop();
  print(rounds);
}

function print(rounds: readonly { readonly service: Round; readonly bare: Round }[]): void {
  const of = (kind: "service" | "bare", key: keyof Round) => median(rounds.map((round) => round[kind][key]));
  const ratio = (key: keyof Round) => median(rounds.map(({ service, bare }) => service[key] / bare[key])).toFixed(2);
  console.log(`${ROUNDS} rounds of ${REPORTS} reports of ${ROWS} rows, stored as events; medians\n`);
  printTable(
    ["telemetry ingest", "CPU us/report", "reports/s"],
    [
      ["service", of("service", "cpuUs").toFixed(1), of("service", "perSecond").toFixed(0)],
      ["bare", of("bare", "cpuUs").toFixed(1), of("bare", "perSecond").toFixed(0)],
      ["ratio", ratio("cpuUs"), ratio("perSecond")],
    ],
  );
}
