import { generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { type Clock, errorMessage, keepStream } from "@patchbay/model";
import { Identity } from "@patchbay/proto/mesh/identity/v1/identity_pb";
import { type Log, systemClock } from "@patchbay/wire";
import { certificateRequest, certificateRequestInfo } from "./core/certificate-request.ts";

/** A certificate of this workload with its key, all in PEM. */
export interface WorkloadCertificate {
  readonly spiffeId: string;
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly trustBundle: string;
}

export interface CertificateClientOptions {
  /** To a living replica of identity, picked at each call. */
  readonly identity: Transport;
  /** Shown in the request; the authority signs the name that the caller's token proves. */
  readonly name: string;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Milliseconds between two looks at the clock. Default 10,000. */
  readonly lookMs?: number;
}

/** Certificates of this workload, replaced while running. */
export interface CertificateSource {
  current(): WorkloadCertificate | undefined;
  /** Calls back with each certificate. Returns how to end that. */
  onChange(listener: (certificate: WorkloadCertificate) => void): () => void;
}

export interface CertificateClient extends CertificateSource {
  /** Settles with the first certificate. */
  ready(): Promise<void>;
  /** The authority may have moved or come back: ends the wait after a failed attempt. */
  retryNow(): void;
  stop(): void;
}

/** Timers stand still while a laptop sleeps, certificates do not: so the clock is looked at again and again. */
const LOOK_MS = 10_000;
/** However soon a certificate wants to be renewed. */
const MIN_LIFE_MS = 1_000;
/** Up to a tenth of the time to the renewal, so that those who started together do not renew together. */
const JITTER = 0.1;

const newKeyPair = promisify(generateKeyPair);

/** Gets a certificate, and the next one at half of its life. Keys are new each time and stay in this process's memory. */
export function createCertificateClient(options: CertificateClientOptions): CertificateClient {
  const { name, log, clock = systemClock, lookMs = LOOK_MS } = options;
  const client = createClient(Identity, options.identity);
  const listeners = new Set<(certificate: WorkloadCertificate) => void>();
  const first = Promise.withResolvers<void>();
  let current: WorkloadCertificate | undefined;

  async function* certificates(signal: AbortSignal): AsyncGenerator<WorkloadCertificate> {
    while (!signal.aborted) {
      const { publicKey, privateKey } = await newKeyPair("ec", { namedCurve: "P-256" });
      const request = requestFor({ publicKey, privateKey, name });
      const { spiffeId, certificateChain, trustBundle, renewAt } = await client.sign(
        { certificateRequest: request },
        { signal },
      );
      const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      yield { spiffeId, certificateChain, trustBundle, privateKey: key };
      const left = (renewAt === undefined ? 0 : timestampMs(renewAt)) - clock.now();
      await reach(clock.now() + Math.max(MIN_LIFE_MS, left * (1 - JITTER * Math.random())), signal);
    }
  }

  async function reach(time: number, signal: AbortSignal): Promise<void> {
    while (clock.now() < time && !signal.aborted) await clock.pause(Math.min(lookMs, time - clock.now()), signal);
  }

  const stream = keepStream({
    connect: certificates,
    onMessage(certificate) {
      current = certificate;
      log.debug({ spiffeId: certificate.spiffeId }, "got a certificate");
      for (const listener of listeners) listener(certificate);
      first.resolve();
    },
    onDown: (error) => log.debug({ error: errorMessage(error) }, "no certificate; asking again"),
    backoff: { minMs: 100, maxMs: 5_000 },
    clock,
  });
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ready: () => first.promise,
    retryNow: stream.retryNow,
    stop: stream.stop,
  };
}

function requestFor(subject: {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly name: string;
}): Uint8Array<ArrayBuffer> {
  const publicKey = subject.publicKey.export({ type: "spki", format: "der" });
  const info = certificateRequestInfo({ publicKey, commonName: subject.name });
  const signature = sign("sha256", info, { key: subject.privateKey, dsaEncoding: "der" });
  return new Uint8Array(certificateRequest(info, signature));
}
