import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { readHttp2Request } from "../../core/http/http2-fields.ts";
import { normalizeHead } from "../../core/http/normal-head.ts";
import type { Counters } from "../counters.ts";
import { Exchange } from "../exchange/exchange.ts";
import { recordRefused } from "../exchange/exchange-record.ts";
import type { Limits } from "../listeners/limits.ts";
import type { Origin } from "../listeners/side.ts";
import { Http2Downstream } from "./downstream.ts";

export interface Http2ServerOptions {
  readonly limits: Limits;
  readonly counters: Counters;
}

/** Serves HTTP/2 on sockets that the listeners have accepted. */
export interface Http2Server {
  serve(socket: Socket, origin: Origin): void;
  /** GOAWAY to all peers of a direction: streams in flight go on, new ones go elsewhere. */
  goAway(direction: Origin["side"]["direction"]): void;
  /** Once a second: closes idle connections and those that send frames without purpose. */
  tend(now: number): void;
}

interface Peer {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  readonly origin: Origin;
  streams: number;
  /** Since the last look: bytes of bodies, new streams. */
  data: number;
  opened: number;
  /** Bytes on the wire at the last look. */
  seen: number;
  idleSince: number;
}

const { NGHTTP2_FLAG_END_STREAM: END_STREAM, NGHTTP2_ENHANCE_YOUR_CALM: CALM } = constants;

export function createHttp2Server({ limits, counters }: Http2ServerOptions): Http2Server {
  const peers = new Set<Peer>();
  return {
    serve(socket, origin) {
      const session = performServerHandshake(socket, sessionOptions(limits, origin));
      const peer: Peer = {
        session,
        socket,
        origin,
        streams: 0,
        data: 0,
        opened: 0,
        seen: 0,
        idleSince: performance.now(),
      };
      peers.add(peer);
      // HTTP/2 has no half-closed connections, but our sockets may be half-open, which opaque protocols need; node:http2 would wait.
      socket.once("end", () => session.destroy());
      session.on("error", () => session.destroy());
      session.once("close", () => peers.delete(peer));
      session.on("stream", (stream, _headers, flags, raw) =>
        serveStream(peer, { stream, flags, raw, maxBytes: limits.maxHeadBytes }, counters),
      );
    },
    goAway(direction) {
      for (const peer of peers) if (peer.origin.side.direction === direction) peer.session.close();
    },
    tend(now) {
      for (const peer of peers) {
        if (peer.streams === 0 && now - peer.idleSince > limits.idleMs) peer.session.close();
        else if (isFlooding(peer)) {
          counters.flooded += 1;
          peer.session.goaway(CALM);
          peer.session.destroy();
        }
      }
    },
  };
}

function sessionOptions(limits: Limits, origin: Origin): Parameters<typeof performServerHandshake>[1] {
  const trusted = origin.side.direction === "outbound" || origin.tls;
  return {
    maxHeaderListPairs: limits.maxHeadFields,
    maxSessionInvalidFrames: 100,
    maxSessionMemory: 32,
    // What a program says twice is not for us to refuse.
    strictSingleValueFields: false,
    // Rapid reset: both must be set to count.
    streamResetBurst: 1_000,
    streamResetRate: trusted ? 1_000 : 33,
    settings: {
      maxConcurrentStreams: trusted ? limits.maxStreams : limits.maxStreamsUnproven,
      // Beyond what is taken, so that a client hears 431 instead of a reset; beyond this it is reset.
      maxHeaderListSize: REFUSED_IN_WORDS * limits.maxHeadBytes,
      initialWindowSize: 1 << 18,
    },
  };
}

/** How many times the largest head a head may be, and still be refused in words. */
const REFUSED_IN_WORDS = 4;

interface Opened {
  readonly stream: ServerHttp2Stream;
  readonly flags: number;
  readonly raw: readonly string[];
  readonly maxBytes: number;
}

function serveStream(peer: Peer, { stream, flags, raw, maxBytes }: Opened, counters: Counters): void {
  const { origin } = peer;
  peer.streams += 1;
  peer.opened += 1;
  stream.on("error", ignore);
  stream.once("close", () => {
    peer.streams -= 1;
    peer.idleSince = performance.now();
  });
  const read = readHttp2Request(raw, { ended: (flags & END_STREAM) !== 0, maxBytes, authority: origin.authority });
  const { fault } = read;
  const head = normalizeHead(read.head, origin.side.direction);
  const passed = (bytes: number): void => {
    peer.data += bytes;
  };
  const downstream = new Http2Downstream({ stream, head, passed });
  if (fault !== undefined) {
    if (fault.status === 431) counters.oversized += 1;
    else counters.malformed += 1;
    recordRefused(origin, { ...head, status: fault.status });
    return downstream.answer({ status: fault.status, code: "bad-request", text: fault.reason }, []);
  }
  const exchange = new Exchange(origin, downstream);
  downstream.connect(exchange);
  exchange.start();
}

function ignore(): void {
  // The exchange hears of it by the stream's close.
}

/** Bytes a second that frames may cost beside bodies; a WINDOW_UPDATE flood sends ten times as many. */
const OVERHEAD_BYTES = 1 << 20;
/** The head of a stream, and frames around small pieces of a body. */
const BYTES_PER_STREAM = 16_384;
const OVERHEAD_PER_BYTE = 16;

/** node:http2 cuts most floods by itself, but not one of WINDOW_UPDATE frames, which costs a whole core. */
function isFlooding(peer: Peer): boolean {
  const read = peer.socket.bytesRead;
  const overhead = read - peer.seen - peer.data;
  const allowed = OVERHEAD_BYTES + BYTES_PER_STREAM * peer.opened + OVERHEAD_PER_BYTE * peer.data;
  peer.seen = read;
  peer.data = 0;
  peer.opened = 0;
  return overhead > allowed;
}
