import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createBackoff, pause } from "@patchbay/model";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { Log } from "@patchbay/wire";
import { type Resolution, resolutionOf } from "../core/routing/resolution.ts";

export interface AuthorityWatchOptions {
  /** To a living replica of destination, picked at each call. */
  readonly destination: Transport;
  readonly authority: string;
  readonly namespace: string;
  readonly log: Log;
  onResolution(resolution: Resolution): void;
  /** Destination understood and said no. Asked again later. */
  onRefused(error: ConnectError): void;
}

export interface AuthorityWatch {
  /** The stream is open and has answered. */
  connected(): boolean;
  /** Ends a wait between two attempts: something about destination changed. */
  retryNow(): void;
  stop(): void;
}

const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = 5_000;

/** Holds one Resolve stream, opening it again for ever. */
export function watchAuthority(options: AuthorityWatchOptions): AuthorityWatch {
  const stopped = new AbortController();
  const backoff = createBackoff({ minMs: MIN_WAIT_MS, maxMs: MAX_WAIT_MS });
  const client = createClient(Destination, options.destination);
  let connected = false;
  let early = new AbortController();

  async function follow(): Promise<void> {
    const question = { authority: options.authority, context: { namespace: options.namespace } };
    for await (const response of client.resolve(question, { signal: stopped.signal })) {
      connected = true;
      backoff.reset();
      options.onResolution(resolutionOf(response));
    }
  }

  async function followForEver(): Promise<void> {
    while (!stopped.signal.aborted) {
      const error = await follow().catch((reason: unknown) => ConnectError.from(reason));
      connected = false;
      if (stopped.signal.aborted) return;
      if (error !== undefined) report(error, options);
      early = new AbortController();
      await pause(backoff.next(), AbortSignal.any([stopped.signal, early.signal]));
    }
  }

  void followForEver();
  return {
    connected: () => connected,
    retryNow: () => early.abort(),
    stop: () => stopped.abort(),
  };
}

const REFUSALS: readonly Code[] = [
  Code.InvalidArgument,
  Code.ResourceExhausted,
  Code.PermissionDenied,
  Code.Unauthenticated,
];

function report(error: ConnectError, { authority, log, onRefused }: AuthorityWatchOptions): void {
  if (!REFUSALS.includes(error.code)) {
    log.debug(
      { authority, code: Code[error.code], reason: error.rawMessage },
      "no stream from destination; what is known stays",
    );
    return;
  }
  log.warn({ authority, code: Code[error.code], reason: error.rawMessage }, "destination refused the question");
  onRefused(error);
}
