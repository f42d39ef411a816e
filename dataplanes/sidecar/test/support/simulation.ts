import { type Balancer, type BalancerSettings, createBalancer } from "../../src/core/balancing/balancer.ts";
import { BALANCER_DEFAULTS } from "../../src/core/balancing/balancer-defaults.ts";
import type { AttemptResult } from "../../src/core/types.ts";

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Event {
  readonly at: number;
  run(): void;
}

export interface Simulation {
  readonly balancer: Balancer;
  /** Sends requests at random moments with the mean rate (per second) for a time; returns how many each endpoint got. */
  run(load: { readonly seconds: number; readonly rate: number }): ReadonlyMap<string, number>;
  now(): number;
}

/** Simulated time: requests arrive at random, endpoints answer after the latency that `server` says for (key, now). */
export function createSimulation(options: {
  readonly seed: number;
  readonly server: (key: string, now: number) => AttemptResult;
  readonly settings?: Partial<BalancerSettings>;
}): Simulation {
  const random = seeded(options.seed);
  let clock = 0;
  const balancer = createBalancer({ ...BALANCER_DEFAULTS, random, now: () => clock, ...options.settings });
  const events: Event[] = [];

  function send(counts: Map<string, number>): void {
    const pick = balancer.pick(new Set());
    if (pick === undefined) return;
    counts.set(pick.key, (counts.get(pick.key) ?? 0) + 1);
    const answer = options.server(pick.key, clock);
    schedule({ at: clock + answer.latencyMs, run: () => pick.end(answer) });
  }

  /** Keeps events in order of time; most belong near the end. */
  function schedule(event: Event): void {
    const index = events.findLastIndex((other) => other.at <= event.at);
    events.splice(index + 1, 0, event);
  }

  return {
    balancer,
    now: () => clock,
    run({ seconds, rate }) {
      const counts = new Map<string, number>();
      const end = clock + seconds * 1000;
      const arrive = (after: number) => {
        const at = after + (-Math.log(1 - random()) * 1000) / rate;
        if (at >= end) return;
        schedule({
          at,
          run() {
            arrive(at);
            send(counts);
          },
        });
      };
      arrive(clock);
      while (events[0] !== undefined && events[0].at < end) {
        const event = events.shift();
        clock = event?.at ?? clock;
        event?.run();
      }
      clock = end;
      return counts;
    },
  };
}

export function endpoints(count: number, weights: readonly number[] = []) {
  return Array.from({ length: count }, (_, index) => ({
    endpoint: { address: `10.0.0.${index + 1}`, port: 80, protocol: "any", identity: "" } as const,
    weight: weights[index] ?? 1,
  }));
}
