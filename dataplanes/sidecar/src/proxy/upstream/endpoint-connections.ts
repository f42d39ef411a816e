import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { createHttp1Pool, type Http1Pool } from "../http1/pool.ts";
import { createHttp2Sessions, type Http2Sessions } from "../http2/sessions.ts";
import type { Limits } from "../listeners/limits.ts";
import type { Connected } from "./await-connection.ts";
import type { UpstreamProtocol } from "./upstream-connector.ts";

/** All connections to one endpoint, each kind made when first needed. */
export interface EndpointConnections {
  http1(): Http1Pool;
  http2(): Http2Sessions;
  /** For requests over node:http. */
  agent(): Agent;
  /** Takes one of the connections that may stream at a time; false: all are taken. */
  occupy(): boolean;
  vacate(): void;
  /** Once a second. */
  probe(): void;
  /** Closes connections that have been idle since `before`. */
  prune(before: number): void;
  destroy(): void;
  readonly empty: boolean;
}

export type Dial = (protocol: UpstreamProtocol, connected: Connected) => void;

export function createEndpointConnections(
  dial: Dial,
  limits: Limits,
  http1Protocol: UpstreamProtocol,
): EndpointConnections {
  let http1: Http1Pool | undefined;
  let http2: Http2Sessions | undefined;
  let agent: Agent | undefined;
  let streaming = 0;
  const connectHttp1 = (connected: Connected): void => dial(http1Protocol, connected);
  return {
    http1() {
      http1 ??= createHttp1Pool({
        connect: connectHttp1,
        maxConnections: limits.maxConnectionsPerEndpoint,
        maxHeadBytes: limits.maxResponseHeadBytes,
      });
      return http1;
    },
    http2() {
      http2 ??= createHttp2Sessions({
        connect: (connected) => dial("h2", connected),
        maxSessions: limits.maxSessionsPerEndpoint,
        maxStreams: limits.maxStreams,
        maxHeadBytes: limits.maxResponseHeadBytes,
        settingsMs: limits.connectMs,
      });
      return http2;
    },
    agent() {
      agent ??= new HopAgent(connectHttp1);
      return agent;
    },
    occupy() {
      if (streaming >= limits.maxConnectionsPerEndpoint) return false;
      streaming += 1;
      return true;
    },
    vacate() {
      streaming -= 1;
    },
    probe: () => http2?.probe(),
    prune(before) {
      http1?.prune(before);
      http2?.prune(before);
    },
    destroy() {
      http1?.destroy();
      http2?.destroy();
      agent?.destroy();
    },
    get empty() {
      return streaming === 0 && (http1?.size ?? 0) === 0 && (http2?.size ?? 0) === 0;
    },
  };
}

/** Milliseconds that a connection for streamed bodies is kept; shorter than servers keep theirs, so that none closes under a request. */
const KEPT_MS = 4_000;

/** node:http's agent over connections that we make. */
class HopAgent extends Agent {
  readonly #connect: (connected: Connected) => void;

  constructor(connect: (connected: Connected) => void) {
    super({ keepAlive: true, maxFreeSockets: 16, scheduling: "lifo", timeout: KEPT_MS });
    this.#connect = connect;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#connect((error, socket) => {
      // Node's declaration asks for a stream even where its code takes none.
      if (socket === null) (callback as ((error: Error | null) => void) | undefined)?.(error);
      else callback?.(null, socket);
    });
    return undefined;
  }
}
