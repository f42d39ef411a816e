import { durationMs } from "@bufbuild/protobuf/wkt";
import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { EVENT_NAMES, type EventName } from "../model/events.ts";

/** Where and how the plugin's events are read, as the registry says. */
export interface EventSource {
  readonly servers: readonly string[];
  readonly token: string;
  readonly inboxPrefix: string;
  readonly apiPrefix: string;
  readonly consumers: readonly ConsumerSource[];
}

/** One class: where its events are, and the consumer's own settings. */
export interface ConsumerSource {
  readonly name: EventName;
  readonly stream: string;
  readonly consumer: string;
  readonly concurrency: number;
  readonly ackWaitMs: number;
  readonly maxDeliver: number;
}

const DEFAULT_ACK_WAIT_MS = 30_000;

/** Reads the registry's message. Skips classes that this version of the SDK does not know. */
export function readEventSource(message: NatsConnection): EventSource {
  const { servers, token, inboxPrefix, apiPrefix, consumers } = message;
  return {
    servers,
    token,
    inboxPrefix,
    apiPrefix,
    consumers: consumers.flatMap(({ class: name, stream, name: consumer, concurrency, ackWait, maxDeliver }) =>
      isEventName(name)
        ? [
            {
              name,
              stream,
              consumer,
              concurrency: Math.max(1, concurrency),
              ackWaitMs: ackWait && durationMs(ackWait) !== 0 ? durationMs(ackWait) : DEFAULT_ACK_WAIT_MS,
              maxDeliver,
            },
          ]
        : [],
    ),
  };
}

/** Two sources with the same key are one connection; a new token alone is used at the next reconnect. */
export function connectionKey({ servers, inboxPrefix, apiPrefix }: EventSource): string {
  return JSON.stringify([[...servers].sort(), inboxPrefix, apiPrefix]);
}

function isEventName(name: string): name is EventName {
  return EVENT_NAMES.some((known) => known === name);
}
