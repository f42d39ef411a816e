import type { Duplex } from "node:stream";
import type { HeaderList } from "@patchbay/model";
import { isFailure } from "../../core/balancing/classification.ts";
import { grpcStatusOf, type ResponseHead } from "../../core/http/response-head.ts";
import type { Failure } from "../../core/routing/retry-rules.ts";
import type { Route, Pick as Target } from "../../core/types.ts";
import type { Origin } from "../listeners/side.ts";
import type { Attempt, AttemptEvents, Outgoing } from "./exchange-types.ts";

/** Copies in flight at a time; beyond, requests go without. */
const MAX_MIRRORS = 100;
/** No client waits for the response to a copy. */
const MIRROR_MS = 10_000;
/** HTTP/2, RFC 9113 §7. */
const CANCEL = 8;
const NOTHING_TRIED: ReadonlySet<string> = new Set();

/** Sends copies of a request whose whole body is there, and discards the responses. Tried once; counted under the mirror's own name. */
export function mirror(
  origin: Origin,
  outgoing: Pick<Outgoing, "head" | "version" | "visited" | "held">,
  routes: readonly (Route | Promise<Route>)[],
): void {
  const { counters } = origin.side;
  const { head, version, visited, held } = outgoing;
  for (const route of routes) {
    if (held === undefined || counters.mirroring >= MAX_MIRRORS) {
      counters.mirrorsDropped += 1;
      continue;
    }
    counters.mirroring += 1;
    const copy = { head, version, visited, held, takeBody: unheld, complete: () => true, trailers: () => [] };
    void Promise.resolve(route).then((found) => new MirrorExchange(origin, copy, found).start());
  }
}

function unheld(): never {
  throw new Error("only requests whose body is held are copied");
}

class MirrorExchange implements AttemptEvents {
  readonly #origin: Origin;
  readonly #outgoing: Outgoing;
  readonly #route: Route;
  readonly #startedAt = performance.now();
  #pick: Target | undefined;
  #attempt: Attempt | undefined;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #grpcStatus: number | undefined;
  #answeredAt: number | undefined;
  #bytes = 0;
  #over = false;

  constructor(origin: Origin, outgoing: Outgoing, route: Route) {
    this.#origin = origin;
    this.#outgoing = outgoing;
    this.#route = route;
  }

  start(): void {
    const route = this.#route;
    this.#pick = route.kind === "mesh" ? route.pick(NOTHING_TRIED) : undefined;
    if (this.#pick === undefined) return this.#finish(503);
    this.#timer = setTimeout(() => this.#cut(504), MIRROR_MS);
    this.#attempt = this.#origin.side.upstreams.open(this.#pick.endpoint, this.#outgoing, this);
    this.#attempt.start();
  }

  onInformational(): void {
    // Of no use: no client waits for it.
  }

  onHead(head: ResponseHead): void {
    this.#answeredAt = performance.now();
    this.#status = head.status;
    this.#grpcStatus = head.grpcStatus;
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
  }

  onEnd(trailers: HeaderList): void {
    if (this.#outgoing.head.grpc) this.#grpcStatus ??= grpcStatusOf(trailers);
    this.#finish(this.#status);
  }

  onSwitched(_head: ResponseHead, upstream: Duplex): void {
    upstream.destroy();
    this.#finish(502);
  }

  onFailure(_failure: Failure): void {
    this.#finish(0);
  }

  #cut(status: number): void {
    this.#attempt?.cancel(CANCEL);
    this.#finish(status);
  }

  #finish(status: number): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    const { side, peer } = this.#origin;
    const { head, held } = this.#outgoing;
    const grpcStatus = this.#grpcStatus;
    const now = performance.now();
    side.counters.mirroring -= 1;
    this.#pick?.end({
      failed: isFailure({ status, grpcStatus, opaque: false }),
      latencyMs: (this.#answeredAt ?? now) - this.#startedAt,
    });
    side.recorder.request({
      direction: side.direction,
      source: peer.name,
      target: this.#route.target,
      method: head.method,
      path: head.path,
      status,
      grpcStatus,
      tls: (this.#pick?.endpoint.identity ?? "") !== "",
      latencyMs: now - this.#startedAt,
      requestBytes: held?.length ?? 0,
      responseBytes: this.#bytes,
      attempts: 1,
      opaque: false,
    });
  }
}
