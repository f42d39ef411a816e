import { type HeaderList, UNPROCESSED_HEADER } from "@patchbay/model";
import { UNAVAILABLE } from "../../core/http/grpc-status.ts";
import { failedAnswer, type LocalReply } from "../../core/http/local-reply.ts";
import type { RequestHead } from "../../core/http/request-head.ts";
import type { ResponseHead } from "../../core/http/response-head.ts";
import { backendOf } from "../../core/routing/applied-route.ts";
import { blamesEndpoint, type Failure, mayRetry } from "../../core/routing/retry-rules.ts";
import type { Pick, Route, TargetEvent } from "../../core/types.ts";
import { authorityOf, type Origin } from "../listeners/side.ts";
import type { Destination } from "../upstream/upstreams.ts";

const NOTHING_TRIED: ReadonlySet<string> = new Set();
/** Endpoints in a row that may turn out not to be there. */
const MAX_UNSEEN = 3;
/** The program has not seen the request. */
const UNSEEN: ReadonlySet<Failure["kind"]> = new Set(["connect", "unprocessed", "overload"]);

/** Where one request goes, attempt by attempt, and whether another may follow. A class, for one is made per request. */
export class Attempts {
  readonly #origin: Origin;
  readonly #head: RequestHead;
  #route: Route | undefined;
  #destination: Destination | undefined;
  #tried: Set<string> | undefined;
  #pick: Pick | undefined;
  #backend = "";
  #count = 0;
  /** Attempts that reached no program. */
  #unseen = 0;
  #startedAt = 0;

  constructor(origin: Origin, head: RequestHead) {
    this.#origin = origin;
    this.#head = head;
  }

  get route(): Route | undefined {
    return this.#route;
  }

  get count(): number {
    return this.#count;
  }

  /** Those that may have reached a program. */
  get seen(): number {
    return this.#count - this.#unseen;
  }

  /** The name under which the request is recorded. */
  get target(): string {
    return this.#route?.target ?? this.#head.authority;
  }

  /** The endpoint of the last attempt proves who it is. */
  get proven(): boolean {
    return (this.#destination?.identity ?? "") !== "";
  }

  /** Service that was chosen for the target; empty: the target itself. */
  get backend(): string {
    return this.#backend;
  }

  /** "address:port" of the last attempt; empty: none. */
  get endpoint(): string {
    return this.#destination === undefined ? "" : `${this.#destination.address}:${this.#destination.port}`;
  }

  follow(route: Route): void {
    this.#route = route;
    if (route.kind === "refused") this.#backend = route.backend ?? "";
  }

  /** Begins an attempt, at the endpoint that the route chooses now; undefined: there is none. */
  next(): Destination | undefined {
    const destination = this.#choose();
    if (destination === undefined) return undefined;
    this.#destination = destination;
    this.#count += 1;
    this.#startedAt = performance.now();
    return destination;
  }

  #choose(): Destination | undefined {
    const route = this.#route;
    if (route?.kind === "egress") return this.#origin.side.upstreams.outside(authorityOf(this.#origin, this.#head));
    if (route?.kind !== "mesh") return undefined;
    this.#pick = route.pick(this.#tried ?? NOTHING_TRIED);
    this.#backend = backendOf(this.#pick, route);
    return this.#pick?.endpoint;
  }

  noEndpoint(): LocalReply {
    const reason = this.#route?.kind === "mesh" ? this.#route.reason : "no such authority";
    return { status: 503, code: "no-endpoint", text: reason };
  }

  /** The peer's sidecar says that its program has not seen the request. From an unauthenticated peer the field means nothing. */
  isUnprocessed(head: ResponseHead): boolean {
    // Over gRPC the answer's HTTP status is always 200.
    return head.unprocessed && (head.status === 503 || head.grpcStatus === UNAVAILABLE) && this.proven;
  }

  /** Asked once per failure: it counts, and draws on the budget. `replayable`: the body can be sent again. */
  mayRetry(failure: Failure, replayable: boolean): boolean {
    if (UNSEEN.has(failure.kind)) this.#unseen += 1;
    // A request that no program has seen goes elsewhere for the first time, so `maxAttempts` does not count it.
    const rule = this.#route?.kind === "mesh" ? this.#route.steering?.rule : undefined;
    const tries = rule?.retry?.tries ?? this.#origin.side.limits.maxAttempts;
    const enough = UNSEEN.has(failure.kind) ? this.#unseen >= MAX_UNSEEN : this.seen >= tries;
    if (enough) return false;
    const { method } = this.#head;
    if (!mayRetry(failure, { method, replayable, plan: rule?.retry })) return false;
    // A pooled connection that had closed meanwhile says nothing about load.
    if (failure.kind === "stale") return true;
    if (this.#route?.kind !== "mesh") return false;
    const granted = this.#route.retries.withdraw();
    if (!granted) this.#tally("retriesDenied");
    return granted;
  }

  #tally(event: TargetEvent): void {
    if (this.#route?.kind === "mesh") this.#route.count?.(event, this.#backend);
  }

  #tallyFailure({ kind }: Failure): void {
    if (kind === "connect") this.#tally("refused");
    else if (kind === "overload") this.#tally("overloads");
  }

  /** The last attempt has failed, and another one follows elsewhere. */
  leave(failure: Failure): void {
    if (failure.kind !== "stale" && this.#pick !== undefined) {
      this.#tried ??= new Set();
      this.#tried.add(this.#pick.key);
    }
    this.end(blamesEndpoint(failure), failure.kind === "status" ? performance.now() : undefined);
    this.#origin.side.counters.retries += 1;
    this.#tally("retries");
    this.#tallyFailure(failure);
  }

  /** The last attempt has failed, and none follows. */
  giveUp(failure: Failure): { readonly answer: LocalReply; readonly extra: HeaderList } {
    this.end(blamesEndpoint(failure), undefined);
    this.#tallyFailure(failure);
    const { direction, counters } = this.#origin.side;
    if (failure.kind === "loop") counters.looped += 1;
    const { target, endpoint } = this;
    const answer = failedAnswer({ failure, direction, target, endpoint, attempts: this.#count });
    // Only for an authenticated peer: no other may retry because of it.
    const told = direction === "inbound" && this.#origin.tls && UNSEEN.has(failure.kind);
    return { answer, extra: told ? [UNPROCESSED_HEADER, "1"] : [] };
  }

  /**
   * Tells the balancer what the last attempt came to, once; neither failed nor answered is nothing to tell.
   * `answeredAt`: when its response began, on `performance.now()`'s clock. `limited`: a limit has answered.
   */
  end(failed: boolean, answeredAt: number | undefined, limited = false): void {
    const pick = this.#pick;
    this.#pick = undefined;
    if (pick === undefined) return;
    if (!failed && answeredAt === undefined) return pick.end(undefined);
    pick.end({ failed, limited, latencyMs: (answeredAt ?? performance.now()) - this.#startedAt });
  }
}
