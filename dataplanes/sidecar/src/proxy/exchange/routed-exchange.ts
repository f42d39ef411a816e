import type { HeaderList } from "@patchbay/model";
import { isFailure } from "../../core/balancing/classification.ts";
import { type LocalReply, requestTimeout } from "../../core/http/local-reply.ts";
import { grpcStatusOf, type ResponseHead } from "../../core/http/response-head.ts";
import { pauseBefore } from "../../core/routing/retry-plan.ts";
import { type Failure, failureOf } from "../../core/routing/retry-rules.ts";
import type { AppliedRoute } from "../../core/types.ts";

export interface RoutedExchangeEvents {
  /** The request as a whole has taken longer than the rule allows. */
  onRequestOverdue(answer: LocalReply): void;
  /** The try has. */
  onTryOverdue(failure: Failure): void;
}

/** What a rule wants of one exchange: its times, its retries, and the fields of its response. */
export class RoutedExchange {
  readonly #steering: AppliedRoute;
  readonly #events: RoutedExchangeEvents;
  readonly #request: NodeJS.Timeout | undefined;
  #try: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;

  /** `startedAt`: when the request's head was there, on `performance.now()`'s clock. */
  constructor(steering: AppliedRoute, events: RoutedExchangeEvents, startedAt: number) {
    this.#steering = steering;
    this.#events = events;
    const { requestTimeoutMs, name } = steering.rule;
    if (requestTimeoutMs === 0) return;
    const left = Math.max(1, requestTimeoutMs - (performance.now() - startedAt));
    this.#request = setTimeout(() => events.onRequestOverdue(requestTimeout(requestTimeoutMs, name)), left);
  }

  trying(): void {
    const { tryTimeoutMs, name } = this.#steering.rule;
    clearTimeout(this.#try);
    if (tryTimeoutMs === 0) return;
    const message = `none within the ${tryTimeoutMs} ms that ${name} allows a try`;
    const failure = failureOf("timeout", message);
    this.#try = setTimeout(() => this.#events.onTryOverdue(failure), tryTimeoutMs);
  }

  /** The try has come to something. */
  tried(): void {
    clearTimeout(this.#try);
  }

  /** Calls back after the pause before another try; `tries`: how many there were. */
  pause(tries: number, go: () => void): void {
    const { retry } = this.#steering.rule;
    const ms = retry === undefined ? 0 : pauseBefore(retry, tries, Math.random());
    if (ms === 0) return go();
    this.#pause = setTimeout(go, ms);
  }

  /** The response has a status that is to be tried again. */
  listed({ status, grpcStatus }: ResponseHead): Failure | undefined {
    const { retry } = this.#steering.rule;
    if (retry === undefined) return undefined;
    if (retry.codes.has(status)) return answered(`it answered ${status}`, isFailure({ status, ...PLAIN }));
    return grpcStatus === undefined ? undefined : this.#listedGrpc(grpcStatus);
  }

  /** The trailers have one. */
  listedTrailers(trailers: HeaderList): Failure | undefined {
    const grpcStatus = grpcStatusOf(trailers);
    return grpcStatus === undefined ? undefined : this.#listedGrpc(grpcStatus);
  }

  #listedGrpc(grpcStatus: number): Failure | undefined {
    if (this.#steering.rule.retry?.grpcCodes.has(grpcStatus) !== true) return undefined;
    return answered(`it answered gRPC status ${grpcStatus}`, isFailure({ status: 200, grpcStatus, opaque: false }));
  }

  /** Whether the trailers may yet say that the request is to be tried again, so that the head must wait for the first message. */
  awaitsTrailers({ grpcStatus, last }: ResponseHead): boolean {
    return !last && grpcStatus === undefined && (this.#steering.rule.retry?.grpcCodes.size ?? 0) > 0;
  }

  respond(head: ResponseHead): ResponseHead {
    const { responseHeaders } = this.#steering.rule;
    return responseHeaders === undefined ? head : { ...head, headers: responseHeaders(head.headers) };
  }

  stop(): void {
    clearTimeout(this.#request);
    clearTimeout(this.#try);
    clearTimeout(this.#pause);
  }
}

const PLAIN = { grpcStatus: undefined, opaque: false } as const;

function answered(message: string, blamed: boolean): Failure {
  return { kind: "status", message, resetCode: 0, ...(blamed ? {} : { blameless: true }) };
}
