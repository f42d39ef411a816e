import type { HeaderList } from "@patchbay/model";
import type { Dispatcher } from "undici";
import type { RequestHead } from "../../core/http/request-head.ts";
import { readResponseHead, readTrailers } from "../../core/http/response-head.ts";
import { type FailureKind, failureOf } from "../../core/routing/retry-rules.ts";
import type { Attempt, AttemptEvents } from "../exchange/exchange-types.ts";
import { codeOf, connectFailure, connectMessage, isCertificateRefused } from "../upstream/connect-errors.ts";
import type { Http1Pool, PooledConnection, Waiter } from "./pool.ts";

type Raw = readonly (Buffer | string)[];

/** A request whose body is all there. */
export interface HeldRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** Milliseconds for the rest of a discarded response. */
const LEAVE_MS = 1_000;

export interface Http1AttemptOptions {
  readonly pool: Http1Pool;
  readonly events: AttemptEvents;
  readonly request: HeldRequest;
}

/**
 * One request with a held or no body over undici's dispatch interface: no stream and no closure of its own, since most requests
 * of a mesh come this way. A class for the same reason.
 */
export class Http1Attempt implements Attempt, Waiter, Dispatcher.DispatchHandler {
  readonly #pool: Http1Pool;
  readonly #events: AttemptEvents;
  readonly #request: HeldRequest;
  #slot: PooledConnection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #reused = false;
  #leaving: NodeJS.Timeout | undefined;

  constructor({ pool, events, request }: Http1AttemptOptions) {
    this.#pool = pool;
    this.#events = events;
    this.#request = request;
  }

  start(): void {
    if (this.#pool.take(this)) return;
    this.#fail("overload", "all connections to it are busy");
  }

  onSlot(slot: PooledConnection): void {
    this.#slot = slot;
    const { method, path, headers, body } = this.#request;
    // `reset: false`: undici would close the connection after a HEAD or an odd body otherwise.
    slot.client.dispatch({ method, path, headers, body: body.length === 0 ? null : body, reset: false }, this);
  }

  onNoSlot(error: Error): void {
    this.#fail(connectFailure(error), connectMessage(error));
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#slot === undefined) this.#pool.leave(this);
    // Before undici has a connection there is nothing to abort: onRequestStart does it then.
    this.#controller?.abort(new Error("the client went away"));
  }

  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leaving = setTimeout(() => this.#controller?.abort(new Error("the rest did not come")), LEAVE_MS).unref();
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // undici may have opened a new connection in the meantime.
    this.#reused = this.#slot?.used === true;
    if (this.#slot !== undefined) {
      this.#slot.used = true;
      this.#slot.awaitsHead = true;
    }
    if (this.#over) controller.abort(new Error("the client went away"));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _parsed: unknown, message = ""): void {
    if (this.#slot !== undefined && status >= 200) this.#slot.awaitsHead = false;
    if (this.#over) return;
    const raw = rawFields(controller.rawHeaders);
    if (status < 200) return this.#events.onInformational(status, readTrailers(raw));
    const last = this.#request.method === "HEAD" || status === 204 || status === 304;
    this.#events.onHead(readResponseHead({ status, message, raw, last }));
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (!this.#over) this.#events.onData(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#release();
    if (this.#over) return;
    this.#over = true;
    this.#events.onEnd(readTrailers(rawFields(controller.rawTrailers)));
  }

  onResponseError(_controller: unknown, error: Error): void {
    // undici is still putting its queue in order, and a next attempt may want this very connection.
    queueMicrotask(() => {
      this.#release();
      this.#fail(this.#kindOf(error), connectMessage(error));
    });
  }

  #fail(kind: FailureKind, message: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onFailure(failureOf(kind, message));
  }

  #kindOf(error: Error): FailureKind {
    if (this.#controller === undefined) return connectFailure(error);
    const code = codeOf(error);
    if (code === "UND_ERR_HEADERS_TIMEOUT") return "timeout";
    if (!this.#reused) return isCertificateRefused(error) ? "connect" : "reset";
    return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE" ? "stale" : "reset";
  }

  #release(): void {
    clearTimeout(this.#leaving);
    if (this.#slot === undefined) return;
    this.#slot.idleSince = performance.now();
    this.#pool.give(this.#slot);
  }
}

const EMPTY: Raw = [];

function rawFields(raw: unknown): Raw {
  return Array.isArray(raw) ? raw : EMPTY;
}

/** The fields of an HTTP/1.1 request, Host first as RFC 9110 §7.2 wants it. Framing is the sender's. */
export function http1RequestFields(head: RequestHead): HeaderList {
  const fields = ["host", head.authority];
  for (const part of head.headers) fields.push(part);
  return fields;
}
