import { create } from "@bufbuild/protobuf";
import { within } from "@patchbay/model";
import { type Backlog, BacklogSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { consumerState, deadLetterSubject, type EventBus, STREAMS } from "@patchbay/wire";
import { streamOf } from "./streams.ts";

/** What waits for plugins. Answers come from a cache that is renewed behind the asker's back when it is older than a second. */
export interface Backlogs {
  /** Of one consumer, per class. The first answer is waited for, but not for longer than half a second; then it is empty. */
  of(consumer: string, classes: readonly string[]): Promise<Backlog[]>;
}

export interface BacklogOptions {
  /** Undefined while NATS is away. */
  events(): EventBus | undefined;
  /** Monotonic milliseconds. */
  now(): number;
}

interface Cached {
  at: number;
  value: Backlog | undefined;
  renewing: Promise<void> | undefined;
}

const FRESH_MS = 1_000;
const DEADLINE_MS = 500;
/** More than there will be plugins; when it is reached the cache begins anew. */
const MAX_CACHED = 10_000;

export function createBacklogs({ events, now }: BacklogOptions): Backlogs {
  const cache = new Map<string, Cached>();
  const renew = async (cached: Cached, consumer: string, eventClass: string): Promise<void> => {
    const bus = events();
    if (!bus) return;
    cached.value = await readBacklog(bus, consumer, eventClass).catch(() => cached.value);
    cached.at = now();
  };
  const one = async (consumer: string, eventClass: string): Promise<Backlog | undefined> => {
    const key = `${consumer} ${eventClass}`;
    if (cache.size >= MAX_CACHED) cache.clear();
    const cached = cache.get(key) ?? { at: -Infinity, value: undefined, renewing: undefined };
    cache.set(key, cached);
    if (now() - cached.at >= FRESH_MS) {
      cached.renewing ??= renew(cached, consumer, eventClass).finally(() => {
        cached.renewing = undefined;
      });
      await within(cached.renewing, DEADLINE_MS);
    }
    return cached.value;
  };
  return {
    async of(consumer, classes) {
      const all = await Promise.all(classes.map((eventClass) => one(consumer, eventClass)));
      return all.filter((backlog) => backlog !== undefined);
    },
  };
}

async function readBacklog(bus: EventBus, consumer: string, eventClass: string): Promise<Backlog | undefined> {
  const stream = streamOf(eventClass);
  if (!stream) return undefined;
  const [state, deadLettered] = await Promise.all([
    consumerState(bus.admin(), stream, consumer),
    countDeadLetters(bus, consumer, eventClass),
  ]);
  if (!state) return undefined;
  return create(BacklogSchema, {
    class: eventClass,
    pending: BigInt(state.pending + state.inFlight),
    deadLettered: BigInt(deadLettered),
    delivered: BigInt(state.acknowledged),
  });
}

/** By counting what the stream holds, so that all replicas agree and a restart changes nothing. */
async function countDeadLetters(bus: EventBus, consumer: string, eventClass: string): Promise<number> {
  const subject = deadLetterSubject(consumer, eventClass);
  const { state } = await bus.admin().streams.info(STREAMS.deadLetters, { subjects_filter: subject });
  return state.subjects?.[subject] ?? 0;
}
