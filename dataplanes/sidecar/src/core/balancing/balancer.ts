import { endpointKey } from "../report/endpoint-key.ts";
import type { AttemptResult, Endpoint, Pick } from "../types.ts";
import { type AccrualSettings, ADMITTED, afterBegin, afterEnd, type Health, isAvailable } from "./failure-accrual.ts";
import { cost, createPeakEwma, observe, type PeakEwma } from "./peak-ewma.ts";
import { createSmoothWeightedPicker, type SmoothWeightedPicker } from "./smooth-weighted-picker.ts";

/** An endpoint with its relative share of requests, greater than 0. */
export interface WeightedEndpoint {
  readonly endpoint: Endpoint;
  readonly weight: number;
}

export interface BalancerSettings extends AccrualSettings {
  /** How fast a peak of latency is forgotten. */
  readonly decayMs: number;
  /** A failed attempt counts as at least this slow, or failing fast would look like being fast. */
  readonly failurePenaltyMs: number;
  /** Requests in flight per endpoint. */
  readonly maxOutstanding: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Balances over the endpoints of one branch: power of two choices on {@link PeakEwma}, with failure accrual. */
export interface Balancer {
  /** Replaces the endpoints. Those that stay keep what was learned about them. */
  update(endpoints: readonly WeightedEndpoint[]): void;
  /** Undefined: there is none, or all are at their limit. */
  pick(tried: ReadonlySet<string>): Pick | undefined;
  has(key: string): boolean;
  size(): number;
  /** Endpoints that are ejected now. */
  ejected(): number;
  gauges(): Gauges;
  /** Since the last call. */
  takeCounts(): BalancerCounts;
  states(): readonly EndpointState[];
}

export interface Gauges {
  readonly endpoints: number;
  readonly ejected: number;
  /** Requests in flight. */
  readonly outstanding: number;
}

export interface BalancerCounts {
  ejections: number;
  /** Picks that found all endpoints at their limit. */
  overloads: number;
}

/** What the balancer thinks of one endpoint. */
export interface EndpointState {
  readonly endpoint: Endpoint;
  readonly backend: string;
  readonly state: Health["state"];
  readonly outstanding: number;
  /** Moving peak. */
  readonly latencyMs: number;
}

interface Slot {
  endpoint: Endpoint;
  readonly key: string;
  readonly ewma: PeakEwma;
  health: Health;
  outstanding: number;
}

/** The second choice wins only when it is cheaper by a fifth: what is about equal is left to the weights. */
const CLEARLY = 0.8;

/** Random draws before the endpoints are searched one by one. */
const DRAWS = 4;

/** `backend`: service that the picks name as chosen for the target; empty: the target itself. */
export function createBalancer(settings: BalancerSettings, backend = ""): Balancer {
  const counts: BalancerCounts = { ejections: 0, overloads: 0 };
  let slots: readonly Slot[] = [];
  let byKey = new Map<string, Slot>();
  let urn: SmoothWeightedPicker = createSmoothWeightedPicker([]);

  /** Two choices among the slots that pass, the cheaper one wins. */
  function choose(passes: (slot: Slot) => boolean, now: number): Slot | undefined {
    const first = draw((random) => urn.first(random), passes);
    if (first === undefined) return undefined;
    const second = draw((random) => urn.second(first, random), passes);
    const a = slots[first];
    const b = second === undefined ? undefined : slots[second];
    if (a === undefined || b === undefined) return a ?? b;
    return slotCost(b, now, settings) < slotCost(a, now, settings) * CLEARLY ? b : a;
  }

  function draw(next: (random: number) => number, passes: (slot: Slot) => boolean): number | undefined {
    for (let attempt = 0; attempt < DRAWS; attempt += 1) {
      const index = next(settings.random());
      const slot = slots[index];
      if (slot !== undefined && passes(slot)) return index;
    }
    return scan(slots, passes, settings.random());
  }

  return {
    update(endpoints) {
      const next = new Map<string, Slot>();
      const weights: number[] = [];
      for (const { endpoint, weight } of endpoints) {
        const key = endpointKey(endpoint);
        if (next.has(key)) continue;
        const slot = byKey.get(key) ?? { endpoint, key, ewma: createPeakEwma(), health: ADMITTED, outstanding: 0 };
        slot.endpoint = endpoint;
        next.set(key, slot);
        weights.push(weight);
      }
      byKey = next;
      slots = [...next.values()];
      urn = createSmoothWeightedPicker(weights);
    },
    pick(tried) {
      const now = settings.now();
      const free = (slot: Slot) => slot.outstanding < settings.maxOutstanding;
      const available = (slot: Slot) => free(slot) && isAvailable(slot.health, now, settings);
      const slot =
        tried.size === 0
          ? (choose(available, now) ?? choose(free, now))
          : // Rather one that was tried than an ejected one, rather an ejected one than none: then the least bad serves.
            (choose((candidate) => available(candidate) && !tried.has(candidate.key), now) ??
            choose(available, now) ??
            choose((candidate) => free(candidate) && !tried.has(candidate.key), now) ??
            choose(free, now));
      if (slot !== undefined) return begin(slot, { settings, backend, counts });
      if (slots.length > 0) counts.overloads += 1;
      return undefined;
    },
    has: (key) => byKey.has(key),
    size: () => slots.length,
    ejected: () => ejectedOf(slots),
    gauges: () => gaugesOf(slots),
    takeCounts() {
      const taken = { ...counts };
      Object.assign(counts, { ejections: 0, overloads: 0 });
      return taken;
    },
    states: () => slots.map((slot) => stateOf(slot, { backend, now: settings.now(), decayMs: settings.decayMs })),
  };
}

function gaugesOf(slots: readonly Slot[]): Gauges {
  const outstanding = slots.reduce((sum, slot) => sum + slot.outstanding, 0);
  return { endpoints: slots.length, ejected: ejectedOf(slots), outstanding };
}

interface Seen {
  readonly backend: string;
  readonly now: number;
  readonly decayMs: number;
}

function stateOf({ endpoint, health, outstanding, ewma }: Slot, { backend, now, decayMs }: Seen): EndpointState {
  const latencyMs = cost(ewma, { outstanding: 0, now, decayMs });
  return { endpoint, backend, state: health.state, outstanding, latencyMs };
}

function ejectedOf(slots: readonly Slot[]): number {
  return slots.reduce((count, slot) => (slot.health.state === "admitted" ? count : count + 1), 0);
}

/** A probe that is due goes before everything: it is one request, and without it the endpoint would never come back. */
function slotCost(slot: Slot, now: number, settings: BalancerSettings): number {
  if (slot.health.state !== "admitted" && isAvailable(slot.health, now, settings)) return 0;
  return cost(slot.ewma, { outstanding: slot.outstanding, now, decayMs: settings.decayMs });
}

interface Begun {
  readonly settings: BalancerSettings;
  readonly backend: string;
  readonly counts: BalancerCounts;
}

function begin(slot: Slot, { settings, backend, counts }: Begun): Pick {
  const began = settings.now();
  slot.outstanding += 1;
  slot.health = afterBegin(slot.health, began);
  let open = true;
  return {
    endpoint: slot.endpoint,
    key: slot.key,
    backend,
    end(result) {
      if (!open) return;
      open = false;
      slot.outstanding -= 1;
      if (result === undefined) return;
      const now = settings.now();
      const latencyMs = learnedFrom(result, slot.ewma, settings);
      // What the slow time before the probe taught is over once the probe has succeeded.
      if (!result.failed && slot.health.state === "probing" && began >= slot.health.since)
        slot.ewma.valueMs = latencyMs;
      observe(slot.ewma, { latencyMs, now, decayMs: settings.decayMs });
      const before = slot.health.state;
      slot.health = afterEnd(slot.health, { began, failed: result.failed, now }, settings);
      if (slot.health.state === "ejected" && before !== "ejected") counts.ejections += 1;
    },
  };
}

/**
 * What answers without work looks fast and would draw requests away from endpoints that have work to do: a failure counts as slow,
 * and what a limit has answered as what was known before, which it keeps fresh.
 */
function learnedFrom(result: AttemptResult, { valueMs }: PeakEwma, { failurePenaltyMs }: BalancerSettings): number {
  if (result.failed) return Math.max(result.latencyMs, failurePenaltyMs);
  return result.limited === true ? Math.max(result.latencyMs, valueMs) : result.latencyMs;
}

/** One by one from a random place. */
function scan(slots: readonly Slot[], passes: (slot: Slot) => boolean, random: number): number | undefined {
  const start = Math.floor(random * slots.length);
  for (let offset = 0; offset < slots.length; offset += 1) {
    const index = (start + offset) % slots.length;
    const slot = slots[index];
    if (slot !== undefined && passes(slot)) return index;
  }
  return undefined;
}
