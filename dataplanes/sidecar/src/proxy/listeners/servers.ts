import type { Socket } from "node:net";
import type { CertificateSource } from "@patchbay/dataplane-client";
import type { Log } from "@patchbay/wire";
import { createHttp1Server, type Http1Server } from "../http1/server.ts";
import { createHttp2Server, type Http2Server } from "../http2/server.ts";
import type { Origins, ProxyContext } from "../proxy-context.ts";
import { carryOpaque } from "../tcp/opaque.ts";
import { createTunnelHandler } from "../tcp/tunnel.ts";
import { type ConnectionDispatcher, createConnectionDispatcher } from "./connection-dispatcher.ts";
import type { Origin } from "./side.ts";
import { createTlsServer, type TlsServer } from "./tls-server.ts";

export interface ServersOptions {
  readonly plumbing: ProxyContext;
  readonly origins: Origins;
  readonly identity: CertificateSource;
  readonly namespace: string;
  readonly log: Log;
}

/** Everything that speaks a protocol with clients, over sockets that listeners hand in. */
export interface Servers {
  readonly switchboard: ConnectionDispatcher;
  readonly http1: Http1Server;
  readonly http2: Http2Server;
  /** Opaque bytes. */
  opaque(socket: Socket, origin: Origin): void;
  stop(): void;
}

export function createServers({ plumbing, origins, identity, namespace, log }: ServersOptions): Servers {
  const { limits, counters, connector, outside } = plumbing;
  const http2 = createHttp2Server({ limits, counters });
  const onConnect = createTunnelHandler({ outside, namespace, switchboard: () => switchboard });
  const http1 = createHttp1Server({ limits, counters, onConnect });
  const opaque = (socket: Socket, origin: Origin): void =>
    void carryOpaque({ origin, client: socket, connector, outside, namespace });
  const tls = createTls();
  const switchboard = createConnectionDispatcher({
    http1,
    http2,
    limits,
    counters,
    onOpaque: opaque,
    onTls: (socket) => (tls === undefined ? socket.destroy() : tls.serve(socket)),
  });
  function createTls(): TlsServer | undefined {
    const plain = origins.inbound;
    if (plain === undefined) return undefined;
    return createTlsServer({
      identity,
      handshakeMs: limits.headMs,
      counters,
      log,
      onPeer(socket, protocol, peer) {
        const proven: Origin = { ...plain, peer, tls: true };
        if (protocol === "h2") http2.serve(socket, proven);
        else if (protocol === "mesh-opaque/1") opaque(socket, proven);
        else http1.serve(socket, proven);
      },
    });
  }
  return {
    switchboard,
    http1,
    http2,
    opaque,
    stop() {
      http1.stop();
      tls?.stop();
    },
  };
}
