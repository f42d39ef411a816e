import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Connected } from "../upstream/await-connection.ts";

export interface Http2SessionsOptions {
  readonly connect: (connected: Connected) => void;
  readonly maxSessions: number;
  readonly maxStreams: number;
  readonly maxHeadBytes: number;
  /** Milliseconds from the connection to the peer's settings. */
  readonly settingsMs: number;
}

/** A place for one stream. `release` exactly once, unless `occupy` has been called, which does it at the stream's close. */
export interface StreamPlace {
  readonly session: ClientHttp2Session;
  occupy(stream: ClientHttp2Stream): void;
  release(): void;
}

export type Placed = (error: Error | undefined, place: StreamPlace | undefined) => void;

/** HTTP/2 connections to one endpoint. */
export interface Http2Sessions {
  /** A place on a connection that has one free, or on a new one. Neither error nor place: all are full. */
  place(placed: Placed): void;
  /** Once a second: asks peers from time to time whether they are still there, and drops those that do not answer. */
  probe(): void;
  /** Closes connections without a stream since `before`, on `performance.now()`'s clock. */
  prune(before: number): void;
  destroy(): void;
  readonly size: number;
}

interface Held {
  /** Streams in flight. */
  readonly open: Set<ClientHttp2Stream>;
  session: ClientHttp2Session | undefined;
  streams: number;
  idleSince: number;
  /** Full, going away, or dead: takes no more streams. */
  closing: boolean;
  /** Looks since the last ping was sent. */
  looks: number;
  unanswered: boolean;
  readonly waiting: Placed[];
}

/** What a peer must allow before it has said what it allows, RFC 9113 §6.5.2 recommends at least 100. */
const UNTIL_SETTINGS = 100;
/** Bytes that a peer may send ahead on one connection, over all its streams. */
const CONNECTION_WINDOW = 1 << 20;

export function createHttp2Sessions(options: Http2SessionsOptions): Http2Sessions {
  const all = new Set<Held>();
  function free(): Held | undefined {
    for (const held of all) if (!held.closing && held.streams < capacity(held, options.maxStreams)) return held;
    return undefined;
  }
  function drop(held: Held, error: Error): void {
    held.closing = true;
    all.delete(held);
    for (const placed of held.waiting.splice(0)) placed(error, undefined);
  }
  return {
    place(placed) {
      const held = free() ?? (all.size < options.maxSessions ? openSession(options, all, drop) : undefined);
      if (held === undefined) return placed(undefined, undefined);
      held.streams += 1;
      if (held.session === undefined) held.waiting.push(placed);
      else placed(undefined, placeOn(held, held.session));
    },
    probe() {
      for (const held of all) if (held.session !== undefined) probe(held, held.session);
    },
    prune(before) {
      for (const held of all) {
        if (held.session === undefined || held.streams > 0 || held.idleSince >= before) continue;
        held.closing = true;
        held.session.close();
      }
    },
    destroy() {
      for (const held of all) {
        drop(held, new Error("the sidecar stops"));
        held.session?.destroy();
      }
    },
    get size() {
      return all.size;
    },
  };
}

function capacity(held: Held, maxStreams: number): number {
  const allowed = held.session?.remoteSettings.maxConcurrentStreams;
  return Math.min(allowed ?? (held.session === undefined ? UNTIL_SETTINGS : maxStreams), maxStreams);
}

function openSession(options: Http2SessionsOptions, all: Set<Held>, drop: (held: Held, error: Error) => void): Held {
  const held: Held = {
    open: new Set(),
    session: undefined,
    streams: 0,
    idleSince: performance.now(),
    closing: false,
    looks: 0,
    unanswered: false,
    waiting: [],
  };
  all.add(held);
  options.connect((error, socket) => {
    if (socket === null || held.closing) {
      socket?.destroy();
      return drop(held, error ?? new Error("the sidecar stops"));
    }
    const session = connect("http://mesh", {
      ...AS_IT_CAME,
      createConnection: () => socket,
      maxSessionMemory: 64,
      settings: { enablePush: false, maxHeaderListSize: options.maxHeadBytes, initialWindowSize: 1 << 18 },
    });
    socket.once("end", () => lose(held, session));
    const timer = setTimeout(() => session.destroy(new Error("no HTTP/2 settings")), options.settingsMs);
    session.on("error", (cause: Error) =>
      drop(held, held.session === undefined ? new Error(NO_HTTP2, { cause }) : cause),
    );
    session.on("goaway", () => {
      held.closing = true;
    });
    session.once("close", () => {
      clearTimeout(timer);
      drop(held, new Error("connection closed"));
    });
    session.once("remoteSettings", () => {
      clearTimeout(timer);
      session.setLocalWindowSize(CONNECTION_WINDOW);
      held.session = session;
      for (const placed of held.waiting.splice(0)) placed(undefined, placeOn(held, session));
    });
  });
  return held;
}

/** A response field may occur twice. Node's declarations know the option for servers only. */
const AS_IT_CAME = { strictSingleValueFields: false };

const NO_HTTP2 = "it does not speak HTTP/2";

function placeOn(held: Held, session: ClientHttp2Session): StreamPlace {
  const release = (): void => {
    held.streams -= 1;
    held.idleSince = performance.now();
  };
  return {
    session,
    release,
    occupy(stream) {
      held.open.add(stream);
      stream.once("close", () => {
        held.open.delete(stream);
        release();
      });
    },
  };
}

/**
 * The peer has ended the connection by FIN. HTTP/2 has no half-closed connections, so streams that are not complete never will be; those
 * that are may still be read. (node:http2 notices by itself only on sockets that are not half-open, and then drops both.)
 */
function lose(held: Held, session: ClientHttp2Session): void {
  held.closing = true;
  for (const stream of held.open) if (stream.state.remoteClose !== 1) stream.destroy(new ConnectionLost());
  session.close();
}

/** The connection ended before the response was complete. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor() {
    super("the connection was closed before the response was complete");
  }
}

/** In looks, so in seconds of a loop that turns: what a blocked loop has not read yet is not held against the peer. */
const PING_EVERY = 10;
const ANSWER_WITHIN = 3;

function probe(held: Held, session: ClientHttp2Session): void {
  if (session.closed || session.destroyed) return;
  held.looks += 1;
  if (held.unanswered && held.looks >= ANSWER_WITHIN) session.destroy(new Error("the peer does not answer pings"));
  if (held.unanswered || held.looks < PING_EVERY) return;
  held.looks = 0;
  held.unanswered = true;
  session.ping((error) => {
    if (error === null) held.unanswered = false;
  });
}
