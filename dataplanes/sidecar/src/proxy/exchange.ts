import type { Duplex, Readable } from "node:stream";
import { isFailure } from "../core/classification.ts";
import type { Refusal } from "../core/guard.ts";
import type { HeaderList } from "../core/header-kinds.ts";
import { grpcStatusFor, LOOPED, NO_SWITCH, type OwnAnswer, SLOW_BODY } from "../core/own-answer.ts";
import type { RequestHead } from "../core/request-head.ts";
import { grpcStatusOf, type ResponseHead } from "../core/response-head.ts";
import type { Failure } from "../core/retry-rules.ts";
import type { RequestRecord } from "../core/types.ts";
import { Attempts } from "./attempts.ts";
import { messageOf } from "./connect-errors.ts";
import { holdBody } from "./hold-body.ts";
import type { Attempt, AttemptEvents, Downstream, DownstreamEvents, Outgoing } from "./parties.ts";
import { type Overdue, Patience } from "./patience.ts";
import { onceEnded } from "./send-body.ts";
import type { Origin, Side } from "./side.ts";
import { headFor, lookAt, type Sights } from "./sights.ts";
import { splice } from "./splice.ts";

const NO_BODY = Buffer.alloc(0);
/** HTTP/2 error codes, RFC 9113 §7. */
const INTERNAL_ERROR = 2;
const CANCEL = 8;
/** For the record: the client went away before a response began. */
const CLIENT_CLOSED = 499;

/**
 * One request from its head to its record: route, attempts, response. The client's half and the attempt tell it what happens,
 * it decides. A class, because one is made per request and closures would cost more than the rest of its work.
 *
 * It is over once the client has all of a response, an answer of our own, or a reset; the record is written then, once.
 */
export class Exchange implements DownstreamEvents, AttemptEvents, Outgoing {
  head: RequestHead;
  readonly version: 1 | 2;
  readonly visited: string;
  held: Buffer | undefined;
  readonly #origin: Origin;
  readonly #side: Side;
  readonly #client: Downstream;
  readonly #startedAt = performance.now();
  #patience: Patience | undefined;
  readonly #attempts: Attempts;
  #sights: Sights | undefined;
  #attempt: Attempt | undefined;
  #headAt = 0;
  #bodyTaken = false;
  #responded = false;
  #stalled = false;
  #admitted = false;
  #over = false;
  #status = 0;
  #grpcStatus: number | undefined;
  /** Code of an answer of our own, and the policy that it comes from. */
  #error = "";
  #policy = "";
  #requestBytes = 0;
  #responseBytes = 0;

  constructor(origin: Origin, client: Downstream) {
    this.#origin = origin;
    this.#side = origin.side;
    this.#client = client;
    this.head = client.head;
    this.version = client.version;
    this.#attempts = new Attempts(origin, client.head);
    const { marker } = origin.side;
    this.visited = marker === "" || this.head.visited === "" ? marker : `${this.head.visited},${marker}`;
    this.held = this.head.length === 0 ? NO_BODY : undefined;
    origin.side.counters.requests += 1;
    origin.side.counters.active += 1;
  }

  start(): void {
    const { marker, counters, limits, router, guard } = this.#side;
    if (marker !== "" && this.head.visited.includes(marker)) {
      counters.looped += 1;
      return this.#answer(LOOPED);
    }
    this.#look();
    const { length, expectsContinue, upgrade } = this.head;
    const verdict = guard?.request(this.head, this.#origin.peer);
    if (verdict !== undefined && !("then" in verdict)) return this.#refuse(verdict);
    if (verdict === undefined) this.#admitted = true;
    else void verdict.then((refusal) => this.#admit(refusal));
    if (length > 0 && length <= limits.replayBytes && !expectsContinue && upgrade === "") this.#hold();
    void router.route(this.#origin.authority || this.head.authority, this.head).then((route) => {
      this.#attempts.follow(route);
      this.#begin();
    });
  }

  #look(): void {
    const { witnesses, direction } = this.#side;
    if (witnesses.length === 0) return;
    const { head, version } = this;
    this.#sights = lookAt(witnesses, {
      direction,
      head,
      version,
      peer: this.#origin.peer,
      startedAt: this.#startedAt,
    });
    this.head = headFor(head, this.#sights);
  }

  /** Somebody had to be asked whether the request may come in. */
  #admit(refusal: Refusal | undefined): void {
    if (this.#over) return;
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#admitted = true;
    this.#begin();
  }

  #refuse({ answer, extra, policy }: Refusal): void {
    this.#policy = policy;
    this.#answer(answer, extra);
  }

  /** Small bodies are read whole before they are sent: they can be sent twice, and a slow client occupies no program. */
  #hold(): void {
    this.#bodyTaken = true;
    this.#expect("body", this.#side.limits.bodyIdleMs);
    holdBody(this.#client.body, {
      length: this.head.length,
      passed: (bytes) => this.#passed(bytes),
      done: (body) => {
        this.#patience?.met("body");
        this.held = body;
        this.#begin();
      },
    });
  }

  /** Once it is admitted, the route is known and the body, if it is to be held, is there. */
  #begin(): void {
    const { route } = this.#attempts;
    if (this.#over || !this.#admitted || route === undefined || (this.#bodyTaken && this.held === undefined)) return;
    if (route.kind === "refused") return this.#answer({ status: route.status, code: "refused", text: route.reason });
    if (route.kind === "mesh") route.retries.deposit();
    this.#try(undefined);
  }

  /** One attempt, at the endpoint that the route chooses now. `last`: what the attempt before came to. */
  #try(last: Failure | undefined): void {
    const destination = this.#attempts.next();
    if (destination === undefined)
      return last === undefined ? this.#answer(this.#attempts.noEndpoint()) : this.#giveUp(last);
    this.#expect("response", this.#side.limits.responseMs);
    this.#attempt = this.#side.upstreams.open(destination, this, this);
    this.#attempt.start();
  }

  takeBody(): Readable {
    this.#bodyTaken = true;
    this.#expect("body", this.#side.limits.bodyIdleMs);
    const { body } = this.#client;
    body.on("data", (chunk: Buffer) => this.#passed(chunk.length));
    onceEnded(body, () => this.#patience?.met("body"));
    return body;
  }

  complete(): boolean {
    return this.#client.complete();
  }

  trailers(): HeaderList {
    return this.#client.trailers();
  }

  #passed(bytes: number): void {
    this.#requestBytes += bytes;
    this.#client.passed(bytes);
    this.#expect("body", this.#side.limits.bodyIdleMs);
  }

  onInformational(status: number, headers: HeaderList): void {
    // 101 comes as `onSwitched`; below 100 there is nothing (RFC 9110 §15), whatever a program says.
    if (!this.#responded && status >= 100 && status !== 101) this.#client.inform(status, headers);
  }

  onHead(head: ResponseHead): void {
    this.#patience?.met("response");
    if (this.#attempts.isUnprocessed(head) && this.#mayRetry(UNPROCESSED)) {
      this.#attempt?.cancel(CANCEL);
      return this.#retry(UNPROCESSED);
    }
    if (head.coded) return this.#breakOff(CODED);
    try {
      this.#client.respond(head);
    } catch (error) {
      return this.#breakOff(asFailure("reset", `its response is not valid (${messageOf(error)})`));
    }
    this.#headAt = performance.now();
    this.#responded = true;
    this.#status = head.status;
    this.#grpcStatus = head.grpcStatus;
    this.#sights?.answered(head);
  }

  onData(chunk: Buffer): void {
    this.#responseBytes += chunk.length;
    if (this.#client.write(chunk) || this.#over) return;
    this.#stalled = true;
    this.#attempt?.pause();
    this.#expect("stall", this.#side.limits.stallMs);
  }

  onDrain(): void {
    if (!this.#stalled || this.#over) return;
    this.#stalled = false;
    this.#patience?.met("stall");
    this.#attempt?.resume();
  }

  onEnd(trailers: HeaderList): void {
    if (this.head.grpc) this.#grpcStatus ??= grpcStatusOf(trailers);
    this.#client.end(trailers);
    this.#finish(this.#status);
  }

  onSwitched(head: ResponseHead, upstream: Duplex): void {
    this.#patience?.met("response");
    this.#headAt = performance.now();
    // Who did not ask for it would read what follows as a response.
    const socket = this.head.upgrade === "" ? undefined : this.#client.switchProtocols(head);
    if (socket === undefined) {
      upstream.destroy();
      return this.#answer(NO_SWITCH);
    }
    this.#responded = true;
    splice(socket, upstream, ({ sent, received }) => {
      this.#requestBytes += sent;
      this.#responseBytes += received;
      this.#finish(head.status);
      this.onClosed(0);
    });
  }

  /** The attempt cannot be used any more, whatever it thinks itself. */
  #breakOff(failure: Failure): void {
    this.#attempt?.cancel(CANCEL);
    this.onFailure(failure);
  }

  onFailure(failure: Failure): void {
    this.#patience?.met("response");
    if (this.#over) return;
    if (this.#responded) {
      this.#attempts.end(true, this.#headAt);
      this.#client.reset(failure.resetCode || INTERNAL_ERROR);
      return this.#finish(0);
    }
    if (this.#mayRetry(failure)) return this.#retry(failure);
    this.#giveUp(failure);
  }

  #mayRetry(failure: Failure): boolean {
    return this.#attempts.mayRetry(failure, this.held !== undefined || !this.#bodyTaken);
  }

  #retry(failure: Failure): void {
    this.#attempts.leave(failure);
    this.#sights?.retried(failure);
    this.#try(failure);
  }

  #giveUp(failure: Failure): void {
    const { answer, extra } = this.#attempts.giveUp(failure);
    this.#answer(answer, extra);
  }

  #answer(answer: OwnAnswer, extra: HeaderList = []): void {
    if (this.#over) return;
    this.#client.answer(answer, extra);
    this.#error = answer.code;
    if (this.head.grpc) this.#grpcStatus = grpcStatusFor(answer.status);
    this.#finish(answer.status);
  }

  #overdue(what: Overdue): void {
    if (this.#over) return;
    if (what === "response")
      return this.#breakOff(asFailure("timeout", `none within ${this.#side.limits.responseMs} ms`));
    // Only a client that could go on is slow; a program that does not read holds it back.
    if (what === "body" && this.#client.body.isPaused()) return this.#expect("body", this.#side.limits.bodyIdleMs);
    this.#side.counters.slow += 1;
    this.#attempt?.cancel(CANCEL);
    if (what === "body" && !this.#responded) return this.#answer(SLOW_BODY);
    this.#client.reset(CANCEL);
    this.#finish(CLIENT_CLOSED);
  }

  onClosed(code: number): void {
    this.#side.counters.active -= 1;
    if (this.#over) return;
    this.#attempt?.cancel(code || CANCEL);
    this.#finish(this.#responded ? this.#status : CLIENT_CLOSED);
  }

  #expect(what: Overdue, ms: number): void {
    if (ms === 0 || this.#over) return;
    this.#patience ??= new Patience(this.#side.deadlines, (overdue) => this.#overdue(overdue));
    this.#patience.expect(what, ms);
  }

  #finish(status: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#patience?.stop();
    const { direction, recorder } = this.#side;
    const grpcStatus = this.#grpcStatus;
    const failed = this.#responded && isFailure({ status, grpcStatus, opaque: false });
    this.#attempts.end(failed, this.#responded ? this.#headAt : undefined);
    const { peer } = this.#origin;
    const record: RequestRecord = {
      direction,
      source: peer.name,
      identity: peer.identity,
      peerAddress: peer.address,
      backend: this.#attempts.backend,
      endpoint: this.#attempts.endpoint,
      error: this.#error,
      policy: this.#policy,
      trace: this.#sights?.trace,
      target: this.#attempts.target,
      method: this.head.method,
      path: this.head.path,
      status,
      grpcStatus,
      tls: direction === "inbound" ? this.#origin.tls : this.#attempts.proven,
      latencyMs: performance.now() - this.#startedAt,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      attempts: Math.max(this.#attempts.count, 1),
      opaque: false,
    };
    recorder.request(record);
    this.#sights?.ended(record);
  }
}

function asFailure(kind: Failure["kind"], message: string): Failure {
  return { kind, message, resetCode: 0 };
}

const CODED = asFailure("reset", "its response has a Transfer-Encoding other than chunked, which nobody asked for");
const UNPROCESSED = asFailure("unprocessed", "its program does not answer");
