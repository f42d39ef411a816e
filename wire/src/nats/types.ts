import type { JetStreamManager } from "@nats-io/jetstream";
import type { FixedHeaders } from "./headers.ts";

export type { JetStreamManager } from "@nats-io/jetstream";

/** What is published: one message with the id by which duplicates are recognised (for two minutes). */
export interface OutgoingEvent {
  readonly subject: string;
  /** Becomes the header Nats-Msg-Id. */
  readonly id: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** More of them, which other events have too: `fixedHeaders()` writes them once. */
  readonly fixedHeaders?: FixedHeaders;
  readonly data: Uint8Array;
}

export interface Published {
  /** Sequence in the stream. */
  readonly seq: number;
  /** The stream had it already. */
  readonly duplicate: boolean;
}

/** One event, to be answered exactly once by ack, retry or term; later answers are ignored. */
export interface Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  /** First value of each header, names as they were sent. */
  readonly headers: ReadonlyMap<string, string>;
  /** Sequence in the stream. */
  readonly seq: number;
  /** 1 for the first delivery. */
  readonly deliveries: number;
  /** Events that wait behind this one for the same consumer. */
  readonly pending: number;
  /** When the stream stored it, in milliseconds since the epoch. */
  readonly time: number;
  ack(): void;
  /** Still at it: begins the ack wait again. */
  working(): void;
  /** Deliver it again after `delayMs`, which is never zero: an immediate retry is a loop. */
  retry(delayMs: number): void;
  /** Never deliver it again; the reason goes to the dead letters. */
  term(reason: string): void;
}

export interface ConsumeOptions {
  readonly stream: string;
  /** Name of a durable consumer, which must exist. */
  readonly consumer: string;
  /** Events asked for ahead; the consumer's own limit holds over all instances. */
  readonly concurrency: number;
  /** Must not throw; what it throws is logged and the event is delivered again. */
  readonly onMessage: (message: Delivery) => void;
  /** The consumer cannot be read (once per change of reason), or again can (undefined). Reading is retried without limit. */
  readonly onProblem?: (problem: string | undefined) => void;
}

export interface ReplayedEvent {
  readonly subject: string;
  readonly seq: number;
  /** When the stream stored it, in milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
  readonly headers: ReadonlyMap<string, string>;
}

export interface ReplayOptions {
  readonly stream: string;
  readonly since: Date;
  /** Subject filters. Default: all of the stream. */
  readonly subjects?: string[];
  readonly onMessage: (message: ReplayedEvent) => void;
  readonly signal?: AbortSignal;
}

/** A message outside of JetStream. */
export interface CoreMessage {
  readonly subject: string;
  readonly data: Uint8Array;
}

/** What happens to the connection, to its permissions and to its subscriptions. */
export type BusStatus =
  | { type: "connected"; server: string }
  | { type: "disconnected"; reason: string }
  /** The server refused to let this client publish or subscribe. */
  | { type: "denied"; operation: "publish" | "subscription"; subject: string }
  | { type: "error"; reason: string }
  | { type: "closed"; reason: string };

/** A connection to NATS with JetStream, which reconnects without limit. */
export interface EventBus {
  /**
   * Resolves when the event is stored. Survives a restart of the server: what is not acknowledged is sent again, under
   * the same id.
   * @throws EventBusError
   */
  publish(event: OutgoingEvent): Promise<Published>;
  /** Begins to read; resolves at once. stop() leaves unanswered events to be delivered again. */
  consume(options: ConsumeOptions): Promise<{ stop(): Promise<void> }>;
  /**
   * Reads what a stream holds since a time, in order, up to what was its last event at the start.
   * Resolves with that event's sequence (0 for an empty stream).
   * @throws EventBusError
   */
  replay(options: ReplayOptions): Promise<{ caughtUp: number }>;
  /** Streams and consumers, for who may administer them. */
  admin(): JetStreamManager;
  /**
   * Answers requests on a subject; members of one queue share them. What the handler returns is the answer; undefined
   * or a rejection answers nothing. At most 1000 at a time: more are left unanswered, and logged.
   */
  subscribeRequests(
    subject: string,
    queue: string | undefined,
    handler: (request: CoreMessage) => Promise<Uint8Array | undefined>,
  ): { stop(): void };
  /**
   * Asks outside of JetStream.
   * @throws EventBusError
   */
  request(subject: string, data: Uint8Array, deadlineMs?: number): Promise<Uint8Array>;
  connected(): boolean;
  /** The highest size of headers and data together in bytes; of the server we are or were last connected to. */
  maxPayload(): number;
  /** Returns the function that takes the listener away. */
  onStatus(listener: (status: BusStatus) => void): () => void;
  /** Rejects what is pending with "closed". */
  close(): Promise<void>;
}
