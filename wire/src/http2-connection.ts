import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type Http2Session,
  type OutgoingHttpHeaders,
} from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorMessage } from "@patchbay/model";

interface KeepAlive {
  /** Between signs of life that are asked for. */
  readonly pingIntervalMs: number;
  /** Without an answer for this long the connection is dead. */
  readonly pingTimeoutMs: number;
}

const DIAL_MS = 3000;
// Of the whole connection, so that streams which carry much do not hold up the others.
const WINDOW_BYTES = 4 * 1024 * 1024;
// In megabytes. Node's default of 10 is used up by a few thousand streams.
const SESSION_MEMORY_MB = 64;

/**
 * One connection of clear-text HTTP/2 that is opened when it is needed, and again when it was lost. Takes the place of
 * connect-node's own session manager, which (2.2.0) leaves a dying session without an "error" listener, and pings
 * sessions that have ended: either is an uncaught exception. Remove when connect-es has fixed both: connectrpc/connect-es#1768 (pull request
 * #1769) and #1795 (pull request #1797).
 */
export class Http2Connection {
  readonly authority: string;
  readonly #keepAlive: KeepAlive;
  // What ends each session, opening or open.
  readonly #sessions = new Map<ClientHttp2Session, (reason: ConnectError) => void>();
  readonly #heardAt = new WeakMap<Http2Session, number>();
  readonly #streams = new WeakMap<ClientHttp2Session, number>();
  #current: Promise<ClientHttp2Session> | undefined;
  #closed = false;

  /** `address` with its scheme: "http://host:port". */
  constructor(address: string, keepAlive: KeepAlive) {
    this.authority = new URL(address).origin;
    this.#keepAlive = keepAlive;
  }

  /** Begins a request; opens the connection first when there is none. Rejects with UNAVAILABLE or CANCELED. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    for (;;) {
      if (this.#closed) throw closed();
      this.#current ??= this.#dial();
      const opening = this.#current;
      const session = await opening;
      // It may have ended, or got GOAWAY, in between. Nothing has been sent, so a new connection may take the request.
      if (session.destroyed || session.closed) this.#forget(opening);
      else return this.#count(session, session.request({ ...headers, ":method": method, ":path": path }, options));
    }
  }

  /** Bytes arrived, so the other side lives. */
  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    if (stream.session) this.#heardAt.set(stream.session, performance.now());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends all streams. Later requests are rejected with CANCELED. */
  close(): void {
    this.#closed = true;
    for (const end of this.#sessions.values()) end(closed());
  }

  #dial(): Promise<ClientHttp2Session> {
    const session = connect(this.authority, { maxSessionMemory: SESSION_MEMORY_MB, settings: { enablePush: false } });
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    const end = (reason: ConnectError) => {
      clearTimeout(timer);
      this.#forget(promise);
      // Not left to the session: destroyed while it connects, it may say nothing.
      reject(reason);
      // With the reason: streams of a session that is destroyed without one look as if they had ended well.
      session.destroy(reason, constants.NGHTTP2_CANCEL);
    };
    const timer = setTimeout(() => end(unavailable(`no connection within ${DIAL_MS} ms`)), DIAL_MS);
    session.once("connect", () => {
      clearTimeout(timer);
      if (session.destroyed) return;
      session.setLocalWindowSize(WINDOW_BYTES);
      // Only streams keep the process.
      session.unref();
      this.#keep(session, end);
      resolve(session);
    });
    session.once("goaway", () => this.#forget(promise));
    session.on("error", (error) => end(unavailable(errorMessage(error))));
    session.once("close", () => {
      this.#sessions.delete(session);
      end(unavailable("the connection was closed"));
    });
    this.#sessions.set(session, end);
    return promise;
  }

  #forget(opening: Promise<ClientHttp2Session>): void {
    if (this.#current === opening) this.#current = undefined;
  }

  #count(session: ClientHttp2Session, stream: ClientHttp2Stream): ClientHttp2Stream {
    const open = (change: number) => {
      const count = (this.#streams.get(session) ?? 0) + change;
      this.#streams.set(session, count);
      return count;
    };
    if (open(1) === 1) session.ref();
    stream.once("close", () => {
      if (open(-1) === 0 && !session.destroyed) session.unref();
    });
    return stream;
  }

  // Asks for a sign of life after each interval in which nothing arrived.
  #keep(session: ClientHttp2Session, end: (reason: ConnectError) => void): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#keepAlive;
    let asking = false;
    const timer = setInterval(() => {
      const quietMs = performance.now() - (this.#heardAt.get(session) ?? 0);
      if (asking || quietMs < pingIntervalMs || session.destroyed || session.closed) return;
      asking = true;
      this.#ping(session, (alive) => {
        asking = false;
        if (!alive) end(unavailable(`no answer to a ping within ${pingTimeoutMs} ms`));
      });
    }, pingIntervalMs).unref();
    session.once("close", () => clearInterval(timer));
  }

  #ping(session: ClientHttp2Session, answer: (alive: boolean) => void): void {
    const askedAt = performance.now();
    const heard = () => (this.#heardAt.get(session) ?? 0) >= askedAt;
    // When this process itself was held up, the answer may lie unread: look at the socket once more before judging.
    const judge = () => setImmediate(() => answer(heard()));
    const timer = setTimeout(judge, this.#keepAlive.pingTimeoutMs).unref();
    session.ping((error) => {
      clearTimeout(timer);
      if (error) return;
      this.#heardAt.set(session, performance.now());
      answer(true);
    });
  }
}

function unavailable(reason: string): ConnectError {
  return new ConnectError(reason, Code.Unavailable);
}

function closed(): ConnectError {
  return new ConnectError("the transport was closed", Code.Canceled);
}
