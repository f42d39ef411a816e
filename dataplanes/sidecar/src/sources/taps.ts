import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { workloadName } from "@patchbay/model";
import type { ObserveRequest } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { SelectorSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { compileSelector, type SelectorProblem } from "@patchbay/rules";
import type { ResponseHead } from "../core/http/response-head.ts";
import type { Observation, ObservedRequest, RequestObserver } from "../core/tap/request-observer.ts";
import { type Followed, Tap } from "../core/tap/tap.ts";
import { TapFacts, type TapSelf } from "../core/tap/tap-facts.ts";
import type { RequestRecord } from "../core/types.ts";

export interface TapsOptions {
  readonly self: TapSelf & { readonly instance: string };
  /** A program with the service's name stands behind the proxy. */
  readonly serves: boolean;
}

/** The selections of requests that are in force at this proxy. Without one, a request costs one branch. */
export interface Taps extends RequestObserver {
  /**
   * Begins one; returns how to end it (twice is fine). `send` takes encoded messages and says whether there was room.
   *
   * @throws ConnectError INVALID_ARGUMENT, RESOURCE_EXHAUSTED
   */
  open(request: ObserveRequest, send: (message: Uint8Array) => boolean): () => void;
  count(): number;
}

const MAX_TAPS = 32;
const DEFAULT_RPS = 100;
const MAX_RPS = 1_000;
/** A request that has no answer after this time is shown without one. */
const OPEN_AFTER_MS = 500;
const SWEEP_MS = 100;
const SWEEPS_PER_SECOND = 1_000 / SWEEP_MS;

export function createTaps(options: TapsOptions): Taps {
  return new ProxyTaps(options);
}

class ProxyTaps implements Taps {
  readonly #options: TapsOptions;
  #taps: readonly Tap[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #sweeps = 0;
  #seen = 0;

  constructor(options: TapsOptions) {
    this.#options = options;
  }

  count(): number {
    return this.#taps.length;
  }

  begin(request: ObservedRequest): Observation | undefined {
    return this.#taps.length === 0 ? undefined : this.#look(request);
  }

  #look(begun: ObservedRequest): Observation | undefined {
    const facts = new TapFacts(begun, this.#options.self);
    let sight: TapSight | undefined;
    for (const tap of this.#taps) {
      if (!tap.wants(facts)) continue;
      sight ??= this.#follow(facts);
      sight.add(tap);
    }
    return sight;
  }

  #follow(facts: TapFacts): TapSight {
    this.#seen += 1;
    const startedAt = Date.now() - (performance.now() - facts.begun.startedAt);
    return new TapSight(String(this.#seen), facts, startedAt);
  }

  open({ selector = create(SelectorSchema), maxRps }: ObserveRequest, send: (message: Uint8Array) => boolean) {
    const compiled = compileSelector(selector);
    if (!compiled.ok) throw new ConnectError(problemText(compiled.problem), Code.InvalidArgument);
    if (this.#taps.length >= MAX_TAPS) throw tooMany();
    const { service, namespace, instance } = this.#options.self;
    const tap = new Tap({
      selector,
      selection: compiled.selection,
      maxRps: maxRps === 0 ? DEFAULT_RPS : Math.min(maxRps, MAX_RPS),
      proxy: `${namespace}/${service}/${instance}`,
      serves: this.#options.serves
        ? workloadName({ namespace: this.#options.self.namespace, name: this.#options.self.service })
        : "",
      send,
      now: () => performance.now(),
      random: Math.random,
    });
    this.#taps = [...this.#taps, tap];
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    return () => this.#close(tap);
  }

  #close(tap: Tap): void {
    this.#taps = this.#taps.filter((each) => each !== tap);
    if (this.#taps.length > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    this.#sweeps += 1;
    const since = Date.now() - OPEN_AFTER_MS;
    for (const tap of this.#taps) {
      tap.announce(since);
      if (this.#sweeps % SWEEPS_PER_SECOND === 0) tap.tick();
    }
  }
}

/** One request that at least one tap follows to its end. */
class TapSight implements Observation, Followed {
  readonly id: string;
  readonly facts: TapFacts;
  readonly startedAt: number;
  head: ResponseHead | undefined;
  readonly #taps: Tap[] = [];

  constructor(id: string, facts: TapFacts, startedAt: number) {
    this.id = id;
    this.facts = facts;
    this.startedAt = startedAt;
  }

  add(tap: Tap): void {
    this.#taps.push(tap);
    tap.begun(this);
  }

  answered(head: ResponseHead): void {
    this.head = head;
  }

  ended(record: RequestRecord): void {
    this.facts.complete(record);
    for (const tap of this.#taps) tap.ended(this, record);
  }
}

function tooMany(): ConnectError {
  return new ConnectError(
    `${MAX_TAPS} taps look at this proxy already, the most at a time; end one of them`,
    Code.ResourceExhausted,
  );
}

function problemText({ field, message, hint, column }: SelectorProblem): string {
  const place = column === undefined ? "" : ` at ${column}`;
  return `${field}${place}: ${message}${hint === "" ? "" : `; ${hint}`}`;
}
