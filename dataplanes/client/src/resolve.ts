import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { type Clock, keepStream } from "@patchbay/model";
import { Destination, type ResolveResponse } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { type Log, systemClock } from "@patchbay/wire";

export interface ResolveStreamOptions {
  /** To a living replica of destination, picked at each call. */
  readonly destination: Transport;
  readonly authority: string;
  readonly namespace: string;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  onResolution(resolution: ResolveResponse): void;
  /** Destination understood and said no. Asked again later. */
  onRefused(error: ConnectError): void;
}

export interface ResolveStream {
  /** The stream is open and has answered. */
  connected(): boolean;
  /** Ends a wait between two attempts: something about destination changed. */
  retryNow(): void;
  stop(): void;
}

/** What no other replica would answer in another way. */
const REFUSALS: readonly Code[] = [
  Code.InvalidArgument,
  Code.ResourceExhausted,
  Code.PermissionDenied,
  Code.Unauthenticated,
];

/** Holds the Resolve stream of one authority. */
export function openResolveStream(options: ResolveStreamOptions): ResolveStream {
  const { authority, namespace, log, clock = systemClock } = options;
  const client = createClient(Destination, options.destination);
  const stream = keepStream({
    connect: (signal) => client.resolve({ authority, context: { namespace } }, { signal }),
    onMessage: options.onResolution,
    onDown(error) {
      if (error === undefined) return;
      const cause = ConnectError.from(error);
      const fields = { authority, code: Code[cause.code], reason: cause.rawMessage };
      if (!REFUSALS.includes(cause.code)) return log.debug(fields, "no stream from destination; what is known stays");
      log.warn(fields, "destination refused the question");
      options.onRefused(cause);
    },
    backoff: { minMs: 100, maxMs: 5_000 },
    clock,
  });
  return { connected: () => stream.state() === "open", retryNow: stream.retryNow, stop: stream.stop };
}
