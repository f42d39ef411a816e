import { median, printTable } from "./harness.ts";
import { type Decider, indexed, scanned } from "./policy/deciders.ts";
import { bucketOnly, counted, limited } from "./policy/limiters.ts";
import { inboundOf, requestOf } from "./policy/policies.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 150);
const COUNTS = [10, 100, 1_000];

interface Contender {
  readonly name: string;
  readonly decide: Decider;
}

/** What a decision costs with many policies, beside none and beside a full scan; and a rate limiter beside a counter. */
export async function run(): Promise<void> {
  const policies = COUNTS.flatMap((count) => [
    { name: `${count}, indexed`, decide: indexed(inboundOf(count)) },
    { name: `${count}, every one looked at`, decide: scanned(inboundOf(count)) },
  ]);
  compare("policies of one workload", { name: "none", decide: indexed(inboundOf(0)) }, policies);
  console.log();
  compare("rate limiter", { name: "a counter for each source", decide: counted() }, [
    { name: "a token bucket alone", decide: bucketOnly() },
    { name: "limit by source and header", decide: limited() },
  ]);
}

function compare(title: string, base: Contender, others: readonly Contender[]): void {
  const all = [{ name: "making the request's facts", decide: () => true }, base, ...others];
  for (const { decide } of all) nanosPerDecision(decide);
  const rounds = Array.from({ length: ROUNDS }, () => all.map(({ decide }) => nanosPerDecision(decide)));
  const of = (index: number): number => median(rounds.map((round) => round[index] ?? Number.NaN));
  const [facts, none] = [of(0), of(1)];
  printTable(
    [title, "CPU ns/request", "ns more", "spread"],
    all.map(({ name }, index) => {
      const values = rounds.map((round) => round[index] ?? Number.NaN);
      const spread = `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
      return [
        name,
        of(index).toFixed(0),
        index < 2 ? (of(index) - facts).toFixed(0) : (of(index) - none).toFixed(0),
        spread,
      ];
    }),
  );
}

/** CPU time, which a busy machine disturbs least, over about ROUND_MS. What is decided is used, so that nothing is optimised away. */
function nanosPerDecision(decide: Decider): number {
  const began = performance.now();
  const before = process.cpuUsage();
  let turns = 0;
  let allowed = 0;
  while (performance.now() - began < ROUND_MS) {
    for (let i = 0; i < 200; i += 1) allowed += Number(decide(requestOf(turns + i)));
    turns += 200;
  }
  const { user, system } = process.cpuUsage(before);
  if (allowed < 0) throw new Error("impossible");
  return ((user + system) * 1e3) / turns;
}
