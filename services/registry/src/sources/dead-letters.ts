import { create, toBinary } from "@bufbuild/protobuf";
import { errorMessage } from "@patchbay/model";
import { DeadLetterSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { type Delivery, deadLetterSubject, type EventBus, ensureConsumer, type Log, STREAMS } from "@patchbay/wire";
import { classOf } from "./streams.ts";

/** The durable consumer that all replicas share. */
const WORKER = "dead-letters";
const RETRY_MS = 1_000;

export interface DeadLetterOptions {
  readonly bus: EventBus;
  readonly log: Log;
  onDeadLetter(letter: { readonly consumer: string; readonly class: string; readonly reason: string }): void;
}

/** What JetStream says when it gives an event up, or when a plugin does. */
interface Advisory {
  readonly id: string;
  readonly stream: string;
  readonly consumer: string;
  readonly streamSeq: number;
  readonly deliveries: number;
  readonly reason: string;
}

/**
 * Turns advisories about events that nobody could handle into dead letters, each once: their id is the event's place in its stream
 * and the consumer. A letter is stored before its advisory is acknowledged, so a crash in between loses nothing.
 */
export async function startDeadLetters(options: DeadLetterOptions): Promise<{ stop(): Promise<void> }> {
  const { bus } = options;
  await ensureConsumer(bus.admin(), {
    stream: STREAMS.advisories,
    name: WORKER,
    concurrency: 64,
    ackWaitMs: 30_000,
    maxDeliver: -1,
    deliver: "all",
    inactiveMs: 7 * 24 * 3_600_000,
  });
  return await bus.consume({
    stream: STREAMS.advisories,
    consumer: WORKER,
    concurrency: 64,
    onMessage: (delivery) => void bury(delivery, options),
  });
}

async function bury(delivery: Delivery, { bus, log, onDeadLetter }: DeadLetterOptions): Promise<void> {
  const advisory = readAdvisory(delivery.data);
  const eventClass = advisory && classOf(advisory.stream);
  if (!advisory || !eventClass) return delivery.ack(); // of the core's own consumers, or nothing that we know
  try {
    const { duplicate } = await bus.publish(await letterOf(bus, advisory, eventClass));
    delivery.ack();
    if (duplicate) return;
    log.warn({ ...advisory, class: eventClass }, "an event became a dead letter");
    onDeadLetter({ consumer: advisory.consumer, class: eventClass, reason: advisory.reason });
  } catch (error) {
    log.warn(
      { stream: advisory.stream, seq: advisory.streamSeq, reason: errorMessage(error) },
      "a dead letter could not be stored yet",
    );
    delivery.retry(RETRY_MS);
  }
}

async function letterOf(bus: EventBus, advisory: Advisory, eventClass: string) {
  const { stream, streamSeq, consumer, deliveries } = advisory;
  const event = await storedEvent(bus, stream, streamSeq);
  const reason = event ? advisory.reason : `${advisory.reason}; the stream had dropped the event itself already`;
  const letter = create(DeadLetterSchema, {
    stream,
    streamSequence: BigInt(streamSeq),
    consumer,
    deliveries,
    reason,
    subject: event?.subject ?? "",
    data: event?.data ?? new Uint8Array(),
  });
  return {
    subject: deadLetterSubject(consumer, eventClass),
    id: `${stream}:${streamSeq}:${consumer}`,
    headers: event?.headers ?? {},
    data: toBinary(DeadLetterSchema, letter),
  };
}

interface StoredEvent {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Undefined when the stream's limits have dropped it. */
async function storedEvent(bus: EventBus, stream: string, seq: number): Promise<StoredEvent | undefined> {
  const message = await bus.admin().streams.getMessage(stream, { seq });
  if (!message) return undefined;
  const { subject, data, header } = message;
  // Headers for the server, such as the message's id, belong to the event in its own stream only.
  const names = header.keys().filter((name) => !name.toLowerCase().startsWith("nats-"));
  return { subject, data, headers: Object.fromEntries(names.map((name) => [name, header.get(name)])) };
}

function readAdvisory(data: Uint8Array): Advisory | undefined {
  const value = parseObject(data);
  const { stream, consumer, stream_seq: streamSeq, deliveries, reason, type } = value;
  if (typeof stream !== "string" || typeof consumer !== "string" || typeof streamSeq !== "number") return undefined;
  const count = typeof deliveries === "number" ? deliveries : 0;
  const terminated = typeof type === "string" && type.includes("terminated");
  const given = typeof reason === "string" && reason ? reason : "the plugin gave no reason";
  const text = terminated ? `permanent: ${given}` : `${count} deliveries failed`;
  return { id: `${stream}:${streamSeq}:${consumer}`, stream, consumer, streamSeq, deliveries: count, reason: text };
}

function parseObject(data: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
