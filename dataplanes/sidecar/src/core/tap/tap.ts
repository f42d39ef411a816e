import { type Selector, View } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { Selection } from "@patchbay/rules";
import type { ResponseHead } from "../http/response-head.ts";
import type { RequestRecord } from "../types.ts";
import { encodeRequest, type Shown } from "./tap-encoder.ts";
import { AnswerFacts, selectedName, type TapFacts } from "./tap-facts.ts";
import { encodeNotices } from "./tap-notices.ts";
import { TapWindow } from "./tap-window.ts";

export interface TapOptions {
  readonly selector: Selector;
  /** The same, compiled. */
  readonly selection: Selection;
  /** Requests a second. */
  readonly maxRps: number;
  /** "namespace/name/instance" of the proxy. */
  readonly proxy: string;
  /** The service behind the proxy, as telemetry names it; empty: none. */
  readonly serves: string;
  /** Takes an encoded ObserveResponse; false: no room. */
  send(message: Uint8Array): boolean;
  /** Milliseconds that only go forward. */
  now(): number;
  /** 0 to 1. */
  random(): number;
}

/** One request that a tap waits for the end of. */
export interface Followed {
  readonly id: string;
  readonly facts: TapFacts;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  head: ResponseHead | undefined;
}

/** A name under which nothing is served: everything outside of the mesh. */
const OUTSIDE = "egress";

/** One selection of requests of this proxy. Knows which it wants and what it may cost; its requests leave by `send`. */
export class Tap {
  readonly #options: TapOptions;
  readonly #window: TapWindow;
  readonly #shown: Shown;
  readonly #source: string;
  readonly #target: string;
  readonly #share: number;
  readonly #inbound: boolean;
  readonly #outbound: boolean;
  /** Without an answer, in the order in which they began; kept only when the selector can be decided without one. */
  readonly #open = new Set<Followed>();
  /** Sent without an answer. */
  readonly #announced = new WeakSet<Followed>();
  #failure = "";

  constructor(options: TapOptions) {
    const { selector, maxRps, serves } = options;
    this.#options = options;
    this.#window = new TapWindow(maxRps);
    this.#shown = { headers: new Set(selector.showHeaders), query: selector.showQuery };
    this.#source = selector.source === "" ? "" : selectedName(selector.source);
    this.#target = selector.target === "" ? "" : selectedName(selector.target);
    this.#share = selector.sample === 0 ? 1 : selector.sample;
    const { view } = selector;
    this.#inbound = view !== View.OUTBOUND && (this.#target === "" || this.#target === serves);
    this.#outbound = view !== View.INBOUND;
  }

  /** Whether it wants to hear of the end of this request. */
  wants(facts: TapFacts): boolean {
    if (!(facts.direction === "inbound" ? this.#inbound : this.#outbound)) return false;
    if (this.#source !== "" && facts.begun.peer.name !== this.#source) return false;
    if (facts.direction === "outbound" && !this.#mayLeadToTarget(facts)) return false;
    if (this.#share < 1 && this.#options.random() >= this.#share) return false;
    return this.#window.mayLook() && this.#begins(facts);
  }

  #mayLeadToTarget(facts: TapFacts): boolean {
    return this.#target === "" || this.#target === OUTSIDE || facts.targetName === this.#target;
  }

  begun(request: Followed): void {
    const { selection, selector } = this.#options;
    if (selection.needsResponse || selection.needsEndpoint || this.#target === OUTSIDE) return;
    // Who answers a request that leaves is not known before it is answered, and then the server's proxy may show it.
    const each = selector.view === View.UNSPECIFIED && request.facts.direction === "outbound";
    if (!each) this.#open.add(request);
  }

  ended(request: Followed, record: RequestRecord): void {
    this.#open.delete(request);
    if (!this.#isHere(record) || !this.#window.mayLook() || !this.#ends(request, record)) return;
    if (this.#announced.has(request) || this.#window.maySend()) this.#send(request, record);
  }

  /** Where the target was known only at the end, and each request is to be shown once. */
  #isHere(record: RequestRecord): boolean {
    if (record.direction === "inbound") return true;
    if (this.#target !== "" && record.target !== this.#target && this.#target === OUTSIDE) return false;
    const answeredThere = record.tls && (record.error ?? "") === "";
    return this.#options.selector.view !== View.UNSPECIFIED || !answeredThere;
  }

  #begins(facts: TapFacts): boolean {
    const { now, selection } = this.#options;
    const at = now();
    try {
      return selection.begins(facts);
    } catch (error) {
      return this.#fail(error);
    } finally {
      this.#window.spend(now() - at);
    }
  }

  #ends(request: Followed, record: RequestRecord): boolean {
    const { now, selection } = this.#options;
    const at = now();
    try {
      return selection.ends(request.facts, new AnswerFacts(record, request.head));
    } catch (error) {
      return this.#fail(error);
    } finally {
      this.#window.spend(now() - at);
    }
  }

  /** An expression that cannot be evaluated matches nothing, and is counted. */
  #fail(error: unknown): false {
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#window.missEvaluation();
    return false;
  }

  /** Sends requests that began before `since` (milliseconds since the epoch) and have no answer. */
  announce(since: number): void {
    for (const request of this.#open) {
      if (request.startedAt > since) return;
      this.#open.delete(request);
      if (!this.#window.maySend()) continue;
      this.#announced.add(request);
      this.#send(request, undefined);
    }
  }

  #send(request: Followed, record: RequestRecord | undefined): void {
    const at = this.#options.now();
    const { id, facts, startedAt, head } = request;
    const { proxy, send, now } = this.#options;
    if (!send(encodeRequest({ id, proxy, facts, startedAt, head, record }, this.#shown))) this.#window.missRead();
    this.#window.spend(now() - at);
  }

  /** Once a second: tells what was withheld in the last one. */
  tick(): void {
    const withheld = this.#window.roll();
    if (withheld === undefined) return;
    for (const notice of encodeNotices(withheld, this.#failure)) this.#options.send(notice);
  }
}
