import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";

/** A stream as it should be. */
export interface StreamSpec {
  readonly name: string;
  readonly subjects: readonly string[];
  /** Bytes on disk. Always limited: a full disk makes every publication time out. */
  readonly maxBytes: number;
  /** Milliseconds that an event is kept; 0: until maxBytes. */
  readonly maxAgeMs: number;
  /** When full: drop the oldest, or refuse the newest. */
  readonly discard: "old" | "new";
  /** Longest event, headers included. Default 256 KiB. */
  readonly maxEventBytes?: number;
  /** For how long an id is remembered. Default 2 minutes. */
  readonly duplicateWindowMs?: number;
  /** Default 1. */
  readonly replicas?: number;
}

/** A durable pull consumer as it should be. */
export interface ConsumerSpec {
  readonly stream: string;
  readonly name: string;
  /** Events out and not acknowledged, over all readers. */
  readonly concurrency: number;
  readonly ackWaitMs: number;
  /** Deliveries of one event, then the advisory MAX_DELIVERIES; -1: without limit. */
  readonly maxDeliver: number;
  /** Of a new consumer: events from now on, or all that the stream has. Default "new". */
  readonly deliver?: "new" | "all";
  readonly subjects?: readonly string[];
  /** Waits between deliveries after an ack wait ended, in milliseconds; must be fewer than maxDeliver. */
  readonly backoffMs?: readonly number[];
  /** Without a reader for this long it goes. Default 24 h. */
  readonly inactiveMs?: number;
  /** Kept with the consumer. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What a consumer has before it. */
export interface ConsumerState {
  /** Not yet delivered. */
  readonly pending: number;
  /** Delivered and not acknowledged. */
  readonly inFlight: number;
  readonly redelivered: number;
  /** Deliveries since the consumer exists. */
  readonly delivered: number;
  /** Acknowledged since the consumer exists, at least. */
  readonly acknowledged: number;
  /** Stream sequence of the last delivery. */
  readonly lastSeq: number;
  /** Waiting pull requests; 0: no reader. */
  readonly readers: number;
  readonly paused: boolean;
  /** Milliseconds since the epoch. */
  readonly created: number;
}

const DAY_MS = 24 * 60 * 60_000;
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;

/** Creates the stream, or changes it to what is asked for. */
export async function ensureStream(admin: JetStreamManager, spec: StreamSpec): Promise<void> {
  const config = streamConfig(spec);
  const present = await orAbsent(admin.streams.info(spec.name), STREAM_NOT_FOUND);
  if (present === undefined) await admin.streams.add(config);
  else await admin.streams.update(spec.name, config);
}

/** Creates the consumer, or changes what can be changed; where an existing one stands is left alone. */
export async function ensureConsumer(admin: JetStreamManager, spec: ConsumerSpec): Promise<void> {
  const config = consumerConfig(spec);
  const present = await orAbsent(admin.consumers.info(spec.stream, spec.name), CONSUMER_NOT_FOUND);
  if (present !== undefined) {
    await admin.consumers.update(spec.stream, spec.name, config);
    return;
  }
  await admin.consumers.add(spec.stream, {
    ...config,
    durable_name: spec.name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: spec.deliver === "all" ? DeliverPolicy.All : DeliverPolicy.New,
  });
}

/** Where a consumer stands; undefined when there is none. */
export async function consumerState(
  admin: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerState | undefined> {
  const info = await orAbsent(admin.consumers.info(stream, name), CONSUMER_NOT_FOUND);
  return info === undefined ? undefined : toState(info);
}

/** Delivers nothing until `until`; in-flight events may still be acknowledged. */
export async function pauseConsumer(admin: JetStreamManager, spec: { stream: string; name: string; until: Date }) {
  await admin.consumers.pause(spec.stream, spec.name, spec.until);
}

/** Delivers again: at once when an event arrives, else within the 5 s of a reader's heartbeat. */
export async function resumeConsumer(admin: JetStreamManager, stream: string, name: string): Promise<void> {
  await admin.consumers.resume(stream, name);
}

async function orAbsent<T>(answer: Promise<T>, code: number): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === code) return undefined;
    throw error;
  }
}

/** The server refuses a window longer than the stream's maximum age; an age of 0 means unlimited. */
function duplicateWindowMs({ duplicateWindowMs: windowMs = 120_000, maxAgeMs }: StreamSpec): number {
  return maxAgeMs === 0 ? windowMs : Math.min(windowMs, maxAgeMs);
}

function streamConfig(spec: StreamSpec) {
  return {
    name: spec.name,
    subjects: [...spec.subjects],
    max_bytes: spec.maxBytes,
    max_age: nanos(spec.maxAgeMs),
    max_msg_size: spec.maxEventBytes ?? 256 * 1024,
    discard: spec.discard === "new" ? DiscardPolicy.New : DiscardPolicy.Old,
    duplicate_window: nanos(duplicateWindowMs(spec)),
    num_replicas: spec.replicas ?? 1,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    allow_direct: true,
  } satisfies Partial<StreamConfig>;
}

function consumerConfig(spec: ConsumerSpec): Partial<ConsumerConfig> {
  return {
    max_ack_pending: spec.concurrency,
    ack_wait: nanos(spec.ackWaitMs),
    max_deliver: spec.maxDeliver,
    inactive_threshold: nanos(spec.inactiveMs ?? DAY_MS),
    ...(spec.backoffMs === undefined ? {} : { backoff: spec.backoffMs.map((ms) => nanos(ms)) }),
    ...(spec.subjects === undefined ? {} : { filter_subjects: [...spec.subjects] }),
    ...(spec.metadata === undefined ? {} : { metadata: { ...spec.metadata } }),
  };
}

function toState(info: ConsumerInfo): ConsumerState {
  return {
    pending: info.num_pending,
    inFlight: info.num_ack_pending,
    redelivered: info.num_redelivered,
    delivered: info.delivered.consumer_seq,
    acknowledged: info.ack_floor.consumer_seq,
    lastSeq: info.delivered.stream_seq,
    readers: info.num_waiting,
    paused: info.paused === true,
    created: Date.parse(info.created),
  };
}
