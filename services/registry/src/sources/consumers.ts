import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Consumer, ConsumerSchema, type EventInterest } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { type EventBus, ensureConsumer, STREAM_SUBJECTS } from "@patchbay/wire";
import { consumerName } from "../core/plugins/plugin-access.ts";
import { streamOf } from "./streams.ts";

/** A delivery that is neither acknowledged nor said to be in work for this long comes again. */
export const ACK_WAIT_MS = 30_000;
/** Deliveries of one event; then it is a dead letter. */
export const MAX_DELIVER = 5;

/** How a plugin reads the classes that it is granted. */
export function consumersOf(
  plugin: { readonly namespace: string; readonly name: string },
  interests: readonly EventInterest[],
): Consumer[] {
  const name = consumerName(plugin.namespace, plugin.name);
  const ackWait = durationFromMs(ACK_WAIT_MS);
  return interests.map(({ class: eventClass, concurrency }) => {
    const stream = streamOf(eventClass);
    if (!stream) throw new Error(`no stream carries events of class "${eventClass}"`);
    return create(ConsumerSchema, { class: eventClass, stream, name, concurrency, ackWait, maxDeliver: MAX_DELIVER });
  });
}

/** Creates these durable consumers, or corrects them. */
export async function ensureConsumers(bus: EventBus, consumers: readonly Consumer[]): Promise<void> {
  await Promise.all(consumers.map((consumer) => ensureOne(bus, consumer)));
}

async function ensureOne(bus: EventBus, { stream, name, concurrency, class: eventClass }: Consumer): Promise<void> {
  await ensureConsumer(bus.admin(), {
    stream,
    name,
    concurrency,
    ackWaitMs: ACK_WAIT_MS,
    maxDeliver: MAX_DELIVER,
    subjects: subjectsOf(stream),
    metadata: { "patchbay.dev/plugin": name, "patchbay.dev/class": eventClass },
  });
}

function subjectsOf(stream: string): readonly string[] {
  const found = Object.entries(STREAM_SUBJECTS).find(([name]) => name === stream);
  return found?.[1] ?? [];
}
