import { generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import { Identity, type SignResponse } from "@patchbay/proto/mesh/identity/v1/identity_pb";
import type { Log } from "@patchbay/wire";
import { certificateRequest, certificateRequestInfo } from "../core/certificate-request.ts";
import type { IdentitySource, WorkloadIdentity } from "../core/types.ts";

export interface IdentityClientOptions {
  /** To a living replica of identity, picked at each call. */
  readonly identity: Transport;
  /** Shown in the request; the authority signs the name that the caller's token proves. */
  readonly name: string;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Milliseconds between two looks at the clock. Default 10,000. */
  readonly lookMs?: number;
}

export interface IdentityClient extends IdentitySource {
  /** Settles with the first certificate. */
  ready(): Promise<void>;
  /** The authority may have moved or come back: ends the wait after a failed attempt. */
  retryNow(): void;
  stop(): void;
}

const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = 5_000;
/** Timers stand still while a laptop sleeps, certificates do not: so the clock is looked at again and again. */
const LOOK_MS = 10_000;
/** However soon a certificate wants to be renewed. */
const MIN_LIFE_MS = 1_000;
/** Up to a tenth of the time to the renewal, so that those who started together do not renew together. */
const JITTER = 0.1;

const newKeyPair = promisify(generateKeyPair);

/** Gets a certificate, and the next one at half of its life, for ever. Keys are new each time and stay in this process's memory. */
export function createIdentityClient(options: IdentityClientOptions): IdentityClient {
  const { now = Date.now, lookMs = LOOK_MS } = options;
  const client = createClient(Identity, options.identity);
  const listeners = new Set<(identity: WorkloadIdentity) => void>();
  const first = Promise.withResolvers<void>();
  const stopped = new AbortController();
  const backoff = createBackoff({ minMs: MIN_WAIT_MS, maxMs: MAX_WAIT_MS });
  let current: WorkloadIdentity | undefined;
  let early = new AbortController();

  /** Gets a certificate. Resolves with the time of the next one. */
  async function renew(): Promise<number> {
    const { publicKey, privateKey } = await newKeyPair("ec", { namedCurve: "P-256" });
    const request = requestFor({ publicKey, privateKey, name: options.name });
    const signed = await client.sign({ certificateRequest: request }, { signal: stopped.signal });
    current = identityOf(signed, privateKey);
    backoff.reset();
    options.log.debug({ spiffeId: current.spiffeId }, "got a certificate");
    for (const listener of listeners) listener(current);
    first.resolve();
    const left = (signed.renewAt === undefined ? 0 : timestampMs(signed.renewAt)) - now();
    return now() + Math.max(MIN_LIFE_MS, left * (1 - JITTER * Math.random()));
  }

  async function renewForEver(): Promise<void> {
    while (!stopped.signal.aborted) {
      early = new AbortController();
      const next = await renew().catch((error: unknown) => failed(error));
      if (next !== undefined) await reach(next);
      // News about the authority ends the wait after a failure.
      else await pause(backoff.next(), AbortSignal.any([stopped.signal, early.signal]));
    }
  }

  async function reach(time: number): Promise<void> {
    while (now() < time && !stopped.signal.aborted) await pause(Math.min(lookMs, time - now()), stopped.signal);
  }

  function failed(error: unknown): undefined {
    if (!stopped.signal.aborted) options.log.debug({ error: errorMessage(error) }, "no certificate; asking again");
  }

  void renewForEver();
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ready: () => first.promise,
    retryNow: () => early.abort(),
    stop: () => stopped.abort(),
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

function identityOf(signed: SignResponse, privateKey: KeyObject): WorkloadIdentity {
  return {
    spiffeId: signed.spiffeId,
    certificateChain: signed.certificateChain,
    trustBundle: signed.trustBundle,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
