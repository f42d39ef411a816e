import { connect as netConnect, type Socket } from "node:net";
import { createSecureContext, type PeerCertificate, type SecureContext, connect as tlsConnect } from "node:tls";
import type { CertificateSource, WorkloadCertificate } from "@patchbay/dataplane-client";
import { spiffeIdOf } from "../../core/certificate-identity.ts";
import { endpointKey } from "../../core/report/endpoint-key.ts";
import type { AddressCheck } from "./address-rules.ts";
import { awaitConnection, type Connected } from "./await-connection.ts";
import { surviveWrites } from "./survive-writes.ts";

/** Where one connection leads. */
export interface UpstreamHop {
  readonly address: string;
  readonly port: number;
  /** SPIFFE ID that the peer's certificate must hold; empty: plain text. */
  readonly identity: string;
}

/** Protocols between sidecars, chosen by ALPN. `mesh-opaque/1`: bytes for the program, not looked at. */
export type UpstreamProtocol = "h2" | "http/1.1" | "mesh-opaque/1";

/** Makes connections to endpoints. */
export interface UpstreamConnector {
  /** Calls back exactly once, with a socket ready to write to; its TLS is done and the peer proven. */
  connect(hop: UpstreamHop, protocol: UpstreamProtocol, connected: Connected): void;
}

export interface UpstreamConnectorOptions {
  readonly identity: CertificateSource;
  /** Milliseconds, TLS included. */
  readonly connectMs: number;
  readonly checkAddress: AddressCheck;
}

export function createUpstreamConnector({
  identity,
  connectMs,
  checkAddress,
}: UpstreamConnectorOptions): UpstreamConnector {
  const credentials = createCredentials(identity);
  return {
    connect(hop, protocol, connected) {
      const refused = checkAddress(hop.address, hop.port);
      if (refused !== undefined) return connected(refused, null);
      const secret = hop.identity === "" ? undefined : credentials.current();
      if (hop.identity !== "" && secret === undefined)
        return connected(new Error("no certificate of our own yet to prove who calls"), null);
      const socket = secret === undefined ? plainConnect(hop, protocol) : secureConnect({ hop, protocol, secret });
      awaitConnection({ socket, ready: secret === undefined ? "connect" : "secureConnect", connectMs, connected });
    },
  };
}

function plainConnect({ address, port }: UpstreamHop, protocol: UpstreamProtocol): Socket {
  const socket = netConnect({ host: address, port, noDelay: true, allowHalfOpen: true });
  return protocol === "http/1.1" ? surviveWrites(socket) : socket;
}

interface Credentials {
  readonly context: SecureContext;
  /** Sessions for resumption, by endpoint and identity. Die with the certificate. */
  readonly sessions: Map<string, Buffer>;
}

/** Made once per certificate: parsing keys costs more than a handshake's share. */
function createCredentials(identity: CertificateSource): { current(): Credentials | undefined } {
  let made: { of: WorkloadCertificate; credentials: Credentials } | undefined;
  return {
    current() {
      const now = identity.current();
      if (now === undefined) return undefined;
      if (made?.of !== now) made = { of: now, credentials: { context: contextOf(now), sessions: new Map() } };
      return made.credentials;
    },
  };
}

function contextOf(identity: WorkloadCertificate): SecureContext {
  const { certificateChain: cert, privateKey: key, trustBundle: ca } = identity;
  return createSecureContext({ cert, key, ca, minVersion: "TLSv1.3" });
}

const MAX_SESSIONS = 1_000;

interface SecureOptions {
  readonly hop: UpstreamHop;
  readonly protocol: UpstreamProtocol;
  readonly secret: Credentials;
}

function secureConnect({ hop, protocol, secret }: SecureOptions): Socket {
  const key = `${endpointKey(hop)} ${hop.identity}`;
  const session = secret.sessions.get(key);
  const socket = tlsConnect({
    host: hop.address,
    port: hop.port,
    secureContext: secret.context,
    ALPNProtocols: [protocol],
    rejectUnauthorized: true,
    // The name is an IP address of no meaning; who answers is proven by the SPIFFE ID alone. A resumed session was
    // made with a peer that had proven the same ID to the same trust bundle.
    checkServerIdentity: (_host, certificate) => identityError(certificate, hop.identity),
    ...(session === undefined ? {} : { session }),
  });
  socket.setNoDelay(true);
  socket.on("session", (fresh) => {
    if (secret.sessions.size >= MAX_SESSIONS) secret.sessions.clear();
    secret.sessions.set(key, fresh);
  });
  return socket;
}

function identityError(certificate: PeerCertificate, expected: string): Error | undefined {
  const proven = spiffeIdOf(certificate.subjectaltname);
  if (proven === expected) return undefined;
  return new Error(`the peer proved to be ${proven ?? "nobody"}, expected ${expected}`);
}
