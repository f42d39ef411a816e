import {
  type EventBus,
  type EventClass,
  ensureStream,
  STREAM_SUBJECTS,
  STREAMS,
  type StreamSpec,
} from "@patchbay/wire";

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

/** An advisory and a dead letter carry the event itself, so they may be longer than an event. */
const MAX_DEAD_LETTER_BYTES = 512 * 1024;

/** A busy sidecar's report may reach 430 KiB: 3,000 rows and 256 KiB of names. */
const MAX_REPORT_BYTES = 480 * 1024;

/**
 * The streams of the mesh. Events are kept for an hour, which is what a restarted telemetry replica replays and what a plugin may be
 * away; when one is full, the oldest go. Dead letters wait a week for somebody to look at them.
 */
const streams: readonly StreamSpec[] = [
  {
    name: STREAMS.report,
    subjects: STREAM_SUBJECTS[STREAMS.report],
    maxBytes: 1024 * MIB,
    maxAgeMs: HOUR_MS,
    discard: "old",
    maxEventBytes: MAX_REPORT_BYTES,
  },
  {
    name: STREAMS.endpoint,
    subjects: STREAM_SUBJECTS[STREAMS.endpoint],
    maxBytes: 128 * MIB,
    maxAgeMs: HOUR_MS,
    discard: "old",
  },
  {
    name: STREAMS.plugin,
    subjects: STREAM_SUBJECTS[STREAMS.plugin],
    maxBytes: 64 * MIB,
    maxAgeMs: HOUR_MS,
    discard: "old",
  },
  {
    name: STREAMS.slo,
    subjects: STREAM_SUBJECTS[STREAMS.slo],
    maxBytes: 64 * MIB,
    maxAgeMs: HOUR_MS,
    discard: "old",
  },
  {
    name: STREAMS.deadLetters,
    subjects: STREAM_SUBJECTS[STREAMS.deadLetters],
    maxBytes: 256 * MIB,
    maxAgeMs: 7 * 24 * HOUR_MS,
    discard: "old",
    maxEventBytes: MAX_DEAD_LETTER_BYTES,
  },
  {
    name: STREAMS.advisories,
    subjects: STREAM_SUBJECTS[STREAMS.advisories],
    maxBytes: 32 * MIB,
    maxAgeMs: 24 * HOUR_MS,
    discard: "old",
  },
];

/** Creates or corrects all streams. Safe to call by every replica at any time. */
export async function ensureStreams(bus: EventBus): Promise<void> {
  for (const stream of streams) await ensureStream(bus.admin(), stream);
}

const eventStreams: Readonly<Record<EventClass, string>> = {
  report: STREAMS.report,
  endpoint: STREAMS.endpoint,
  plugin: STREAMS.plugin,
  slo: STREAMS.slo,
};

/** The stream of an event class; undefined for a class that does not exist. */
export function streamOf(eventClass: string): string | undefined {
  return Object.entries(eventStreams).find(([name]) => name === eventClass)?.[1];
}

/** The event class of a stream; undefined when it holds no events. */
export function classOf(stream: string): string | undefined {
  return Object.entries(eventStreams).find(([, name]) => name === stream)?.[0];
}
