import type { Duplex } from "node:stream";
import type { HeaderList } from "@patchbay/model";
import { cancelledStatus } from "../../core/http/grpc-status.ts";
import { type LocalReply, NO_SWITCH, refusalOf, SLOW_BODY } from "../../core/http/local-reply.ts";
import { grpcStatusOf, type ResponseHead } from "../../core/http/response-head.ts";
import { type Failure, failureOf } from "../../core/routing/retry-rules.ts";
import type { AppliedRoute, Route } from "../../core/types.ts";
import type { Origin } from "../listeners/side.ts";
import { splice } from "../tcp/splice.ts";
import { messageOf } from "../upstream/connect-errors.ts";
import type { TimeoutKind } from "./exchange-timeouts.ts";
import type { Attempt, AttemptEvents, Downstream, DownstreamEvents } from "./exchange-types.ts";
import { mirror } from "./mirror.ts";
import { ResponseSide } from "./response-side.ts";
import { RoutedExchange, type RoutedExchangeEvents } from "./routed-exchange.ts";

/** HTTP/2 error code, RFC 9113 §7. */
const CANCEL = 8;
/** Bytes of a response that are rather read than break a connection. */
const MAX_FORGONE = 16_384;
/** For the record: the client went away before a response began. */
const CLIENT_CLOSED = 499;

/**
 * One request from its head to its record: route, attempts, response. The client's half and the attempt tell it what happens,
 * it decides. A class, because one is made per request and closures would cost more than the rest of its work.
 *
 * It is over once the client has all of a response, an answer of our own, or a reset; the record is written then, once.
 */
export class Exchange extends ResponseSide implements DownstreamEvents, AttemptEvents, RoutedExchangeEvents {
  /** Present only where a rule has a say. */
  #steered: RoutedExchange | undefined;
  #attempt: Attempt | undefined;
  /** A response's head that waits for what follows it. */
  #waiting: ResponseHead | undefined;
  #stalled = false;

  constructor(origin: Origin, client: Downstream) {
    super(origin, client);
    origin.side.counters.requests += 1;
    origin.side.counters.active += 1;
  }

  protected override follow(route: Route): void {
    if (this.over) return;
    this.attempts.follow(route);
    if (route.kind === "mesh" && route.steering !== undefined) this.#steer(route.steering);
    // Messages of gRPC have no announced length; what no program has seen goes elsewhere all the same.
    if (route.kind === "mesh" && this.head.grpc) this.keepForRetries();
    this.begin();
  }

  #steer(steering: AppliedRoute): void {
    this.head = steering.head;
    this.#steered = new RoutedExchange(steering, this, this.startedAt);
    if (steering.rule.retry !== undefined) this.keepForRetries();
  }

  /** Once it is admitted, the route is known and the body, if it is to be held, is there. */
  protected override begin(): void {
    const { route } = this.attempts;
    if (this.over || !this.admitted || route === undefined || this.holding) return;
    if (route.kind === "refused") return this.answer(refusalOf(route));
    if (route.kind === "mesh") route.retries.deposit();
    const mirrors = route.kind === "mesh" ? route.steering?.mirrors : undefined;
    if (mirrors !== undefined) this.#mirror(mirrors);
    this.#try(undefined);
  }

  /** A body without a length, such as a call of gRPC, is copied as it passes and sent when it is whole. */
  #mirror(mirrors: AppliedRoute["mirrors"]): void {
    const { head, version, visited, held } = this;
    if (held !== undefined || head.length > 0) return mirror(this.origin, { head, version, visited, held }, mirrors);
    this.whenWhole((body) => mirror(this.origin, { head, version, visited, held: body }, mirrors));
  }

  /** One attempt, at the endpoint that the route chooses now. `last`: what the attempt before came to. */
  #try(last: Failure | undefined): void {
    const destination = this.attempts.next();
    if (destination === undefined)
      return last === undefined ? this.answer(this.attempts.noEndpoint()) : this.#giveUp(last);
    this.expect("response", this.side.limits.responseMs);
    this.#steered?.trying();
    this.#attempt = this.side.upstreams.open(destination, this, this);
    this.#attempt.start();
  }

  onInformational(status: number, headers: HeaderList): void {
    // 101 comes as `onSwitched`; below 100 there is no status (RFC 9110 §15).
    if (!this.responded && status >= 100 && status !== 101) this.client.inform(status, headers);
  }

  onHead(head: ResponseHead): void {
    this.patience?.met("response");
    if (this.attempts.isUnprocessed(head) && this.#mayRetry(UNPROCESSED)) {
      this.#forgo(head);
      return this.#retry(UNPROCESSED);
    }
    if (head.coded) return this.#breakOff(CODED);
    if (this.#steered === undefined) this.#respond(head);
    else this.#respondSteered(this.#steered, head);
  }

  #respondSteered(steered: RoutedExchange, head: ResponseHead): void {
    const listed = steered.listed(head);
    if (listed !== undefined && this.#mayRetry(listed)) {
      this.#forgo(head);
      return this.#retry(listed);
    }
    const answer = steered.respond(head);
    // A client that has more to say may be waiting for the head before it says it.
    const said = this.held !== undefined || this.client.complete();
    if (said && this.replayable && steered.awaitsTrailers(head)) this.#waiting = answer;
    else this.#respond(answer);
  }

  /** Discards this response. A short one is read to its end, which keeps its connection for the retry. */
  #forgo({ length }: ResponseHead): void {
    const short = length >= 0 && length <= MAX_FORGONE;
    if (short && this.#attempt?.leave !== undefined) this.#attempt.leave();
    else this.#attempt?.cancel(CANCEL);
  }

  #respond(head: ResponseHead): void {
    this.#waiting = undefined;
    try {
      this.client.respond(head);
    } catch (error) {
      return this.#breakOff(failureOf("reset", `its response is not valid (${messageOf(error)})`));
    }
    this.headAt = performance.now();
    this.responded = true;
    this.bodyIsFree();
    this.status = head.status;
    this.grpcStatus = head.grpcStatus;
    this.sights?.answered(head);
  }

  onData(chunk: Buffer): void {
    if (this.#waiting !== undefined) this.#respond(this.#waiting);
    if (this.over) return;
    this.responseBytes += chunk.length;
    if (this.client.write(chunk) || this.over) return;
    this.#stalled = true;
    this.#attempt?.pause();
    this.expect("stall", this.side.limits.stallMs);
  }

  onDrain(): void {
    if (!this.#stalled || this.over) return;
    this.#stalled = false;
    this.patience?.met("stall");
    this.#attempt?.resume();
  }

  onEnd(trailers: HeaderList): void {
    if (this.#waiting !== undefined) {
      const listed = this.#steered?.listedTrailers(trailers);
      if (listed !== undefined && this.#mayRetry(listed)) return this.#retry(listed);
      this.#respond(this.#waiting);
      if (this.over) return;
    }
    if (this.head.grpc) this.grpcStatus ??= grpcStatusOf(trailers);
    this.client.end(trailers);
    this.finish(this.status);
  }

  onSwitched(head: ResponseHead, upstream: Duplex): void {
    this.patience?.met("response");
    // What follows is no request and no response, and may take as long as it likes.
    this.#steered?.stop();
    this.headAt = performance.now();
    // Who did not ask for it would read what follows as a response.
    const socket = this.head.upgrade === "" ? undefined : this.client.switchProtocols(head);
    if (socket === undefined) {
      upstream.destroy();
      return this.answer(NO_SWITCH);
    }
    this.responded = true;
    this.switched = true;
    splice(socket, upstream, ({ sent, received }) => {
      this.requestBytes += sent;
      this.responseBytes += received;
      this.finish(head.status);
      this.onClosed(0);
    });
  }

  /** Cancels an attempt that does not know of its failure yet. */
  #breakOff(failure: Failure): void {
    this.#attempt?.cancel(CANCEL);
    this.onFailure(failure);
  }

  onFailure(failure: Failure): void {
    this.patience?.met("response");
    if (this.over) return;
    if (this.responded) {
      this.attempts.end(true, this.headAt);
      return this.breakResponse(failure);
    }
    if (this.#mayRetry(failure)) return this.#retry(failure);
    this.#giveUp(failure);
  }

  #mayRetry(failure: Failure): boolean {
    return this.attempts.mayRetry(failure, this.replayable);
  }

  #retry(failure: Failure): void {
    this.#waiting = undefined;
    this.#steered?.tried();
    this.attempts.leave(failure);
    this.sights?.retried(failure);
    // After an attempt that reached no program, a pause before the next, at another endpoint, would spare no one.
    if (this.#steered === undefined || !PAUSED.has(failure.kind)) return this.#try(failure);
    this.#steered.pause(this.attempts.seen, () => this.#try(failure));
  }

  onTryOverdue(failure: Failure): void {
    if (!this.over) this.#breakOff(failure);
  }

  onRequestOverdue(answer: LocalReply): void {
    if (this.over) return;
    this.#attempt?.cancel(CANCEL);
    this.attempts.end(true, this.responded ? this.headAt : undefined);
    if (!this.responded) return this.answer(answer);
    this.breakOffWith(answer);
  }

  #giveUp(failure: Failure): void {
    const { answer, extra } = this.attempts.giveUp(failure);
    this.answer(answer, extra);
  }

  protected override overdue(what: TimeoutKind): void {
    if (this.over) return;
    if (what === "response")
      return this.#breakOff(failureOf("timeout", `none within ${this.side.limits.responseMs} ms`));
    // Only a client that could go on is slow; a program that does not read holds it back.
    if (what === "body" && this.client.body.isPaused()) return this.expect("body", this.side.limits.bodyIdleMs);
    this.side.counters.slow += 1;
    this.#attempt?.cancel(CANCEL);
    if (what === "body" && !this.responded) return this.answer(SLOW_BODY);
    this.client.reset(CANCEL);
    this.finish(CLIENT_CLOSED);
  }

  onClosed(code: number): void {
    this.side.counters.active -= 1;
    if (this.over) return;
    this.#attempt?.cancel(code === 0 ? CANCEL : code);
    if (this.head.grpc) this.grpcStatus ??= cancelledStatus(this.head, performance.now() - this.startedAt);
    this.finish(this.responded ? this.status : CLIENT_CLOSED);
  }

  protected override letGo(): void {
    super.letGo();
    this.#steered?.stop();
  }
}

const CODED = failureOf("reset", "its response has a Transfer-Encoding other than chunked, which nobody asked for");
const UNPROCESSED = failureOf("unprocessed", "its program does not answer");
/** Failures of tries that a program may have seen, and may have had enough of. */
const PAUSED: ReadonlySet<Failure["kind"]> = new Set(["reset", "timeout", "status"]);
