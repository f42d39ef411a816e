import type { HeaderList } from "@patchbay/model";
import { isFailure, isLimited } from "../../core/balancing/classification.ts";
import { DEADLINE_EXCEEDED, missingStatus, UNAVAILABLE } from "../../core/http/grpc-status.ts";
import { encodeGrpcMessage, grpcStatusOfAnswer, type LocalReply } from "../../core/http/local-reply.ts";
import type { Failure } from "../../core/routing/retry-rules.ts";
import type { Origin } from "../listeners/side.ts";
import { AdmittedRequest } from "./admitted-request.ts";
import { Attempts } from "./attempts.ts";
import { recordOf } from "./exchange-record.ts";
import type { Downstream } from "./exchange-types.ts";

/** HTTP/2 error code, RFC 9113 §7. */
const INTERNAL_ERROR = 2;

/** The end of an exchange: what the client was sent, how it ends, and the record of it. A base class, as `RequestSide` is. */
export abstract class ResponseSide extends AdmittedRequest {
  protected readonly attempts: Attempts;
  /** When the response's head was there, on `performance.now()`'s clock. */
  protected headAt = 0;
  /** The head of a response from upstream has been passed on. */
  protected responded = false;
  protected switched = false;
  protected status = 0;
  protected grpcStatus: number | undefined;
  protected responseBytes = 0;
  /** Code of a local reply. */
  #error = "";

  constructor(origin: Origin, client: Downstream) {
    super(origin, client);
    this.attempts = new Attempts(origin, client.head);
  }

  protected override answer(answer: LocalReply, extra: HeaderList = []): void {
    if (this.over) return;
    this.client.answer(answer, extra);
    this.#error = answer.code;
    if (this.head.grpc) this.grpcStatus = grpcStatusOfAnswer(answer);
    this.finish(answer.status);
  }

  /** Ends a response that has begun: it cannot be completed, and it is too late for a local reply. */
  protected breakOffWith(answer: LocalReply): void {
    this.#error = answer.code;
    if (this.#endsByStatus()) return this.#endWithStatus(grpcStatusOfAnswer(answer), answer.text);
    this.client.reset(INTERNAL_ERROR);
    this.finish(0);
  }

  /** As `breakOffWith`: the peer's reset is passed on; without one, gRPC has a status for it. */
  protected breakResponse({ kind, resetCode, message }: Failure): void {
    const status = kind === "timeout" ? DEADLINE_EXCEEDED : UNAVAILABLE;
    if (resetCode === 0 && this.#endsByStatus()) return this.#endWithStatus(status, message);
    this.client.reset(resetCode === 0 ? INTERNAL_ERROR : resetCode);
    this.finish(0);
  }

  /** A status can still follow in trailers. */
  #endsByStatus(): boolean {
    return this.head.grpc && this.client.version === 2;
  }

  #endWithStatus(status: number, message: string): void {
    this.grpcStatus = status;
    this.client.end(["grpc-status", String(status), "grpc-message", encodeGrpcMessage(message)]);
    this.finish(this.status);
  }

  protected finish(status: number): void {
    if (this.over) return;
    this.letGo();
    if (this.head.grpc) this.grpcStatus ??= missingStatus(status);
    const { grpcStatus, responded } = this;
    const failed = responded && isFailure({ status, grpcStatus, opaque: false });
    const limited = responded && isLimited({ status, grpcStatus });
    this.attempts.end(failed, responded ? this.headAt : undefined, limited);
    const record = recordOf(this.origin, {
      head: this.head,
      attempts: this.attempts,
      sights: this.sights,
      startedAt: this.startedAt,
      switchedAt: this.switched ? this.headAt : undefined,
      status,
      grpcStatus,
      error: this.#error,
      policy: this.policy,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
    });
    this.side.recorder.request(record);
    this.sights?.ended(record);
  }
}
