import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import type { CertificateSource, WorkloadCertificate } from "@patchbay/dataplane-client";
import { parseSpiffeId, workloadName } from "@patchbay/model";
import type { Log } from "@patchbay/wire";
import { spiffeIdOf } from "../../core/certificate-identity.ts";
import type { Peer } from "../../core/policy/guard.ts";
import type { Counters } from "../counters.ts";
import { messageOf } from "../upstream/connect-errors.ts";
import type { UpstreamProtocol } from "../upstream/upstream-connector.ts";

export interface TlsServerOptions {
  readonly identity: CertificateSource;
  /** Milliseconds for a handshake. */
  readonly handshakeMs: number;
  readonly counters: Counters;
  readonly log: Log;
  /** A peer has proven who it is. */
  readonly onPeer: (socket: TLSSocket, protocol: UpstreamProtocol | undefined, peer: Peer) => void;
}

/** Terminates mutual TLS of peers on sockets that the listeners have accepted. */
export interface TlsServer {
  serve(socket: Socket): void;
  stop(): void;
}

const PROTOCOLS: readonly UpstreamProtocol[] = ["h2", "http/1.1", "mesh-opaque/1"];

/** Seconds for which a session can be resumed without showing the certificate again; short beside a certificate's life. */
const SESSION_S = 300;

export function createTlsServer(options: TlsServerOptions): TlsServer {
  const { identity, counters, log } = options;
  let server: Server | undefined;
  const use = (current: WorkloadCertificate): void => {
    // A new context has new ticket keys too, so no session outlives the trust that it was made under.
    if (server !== undefined) server.setSecureContext(contextOf(current));
    else server = listenFor(options);
  };
  const stopListening = identity.onChange(use);
  const now = identity.current();
  if (now !== undefined) use(now);
  return {
    serve(socket) {
      if (server !== undefined) return void server.emit("connection", socket);
      counters.tlsFailed += 1;
      log.debug({}, "a peer wants TLS, but there is no certificate yet");
      socket.destroy();
    },
    stop() {
      stopListening();
      server?.removeAllListeners();
    },
  };
}

function contextOf({ certificateChain: cert, privateKey: key, trustBundle: ca }: WorkloadCertificate): TlsOptions {
  return { cert, key, ca, minVersion: "TLSv1.3", sessionTimeout: SESSION_S };
}

function listenFor({ identity, handshakeMs, counters, log, onPeer }: TlsServerOptions): Server {
  const current = identity.current();
  const server = createServer({
    ...(current === undefined ? {} : contextOf(current)),
    ALPNProtocols: [...PROTOCOLS],
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeMs,
    allowHalfOpen: true,
  });
  const fail = (socket: TLSSocket, reason: string): void => {
    counters.tlsFailed += 1;
    log.debug({ reason }, "a peer did not prove who it is");
    socket.destroy();
  };
  server.on("tlsClientError", (error, socket) => fail(socket, messageOf(error)));
  server.on("secureConnection", (socket) => {
    socket.on("error", () => socket.destroy());
    const peer = provenPeer(socket, identity.current());
    if (peer === undefined) return fail(socket, "its certificate names no workload of our trust domain");
    onPeer(
      socket,
      PROTOCOLS.find((protocol) => protocol === socket.alpnProtocol),
      peer,
    );
  });
  return server;
}

/** The peer by its certificate, which the trust bundle has vouched for. */
function provenPeer(socket: TLSSocket, own: WorkloadCertificate | undefined): Peer | undefined {
  if (!socket.authorized || own === undefined) return undefined;
  const identity = spiffeIdOf(socket.getPeerCertificate().subjectaltname) ?? "";
  const peer = parseSpiffeId(identity);
  const self = parseSpiffeId(own.spiffeId);
  if (peer === undefined || peer.trustDomain !== self?.trustDomain) return undefined;
  return { name: workloadName(peer), identity, address: `${socket.remoteAddress}:${socket.remotePort}` };
}
