import { encodeRequest, type SpanGroup } from "./otlp-encode.ts";
import type { SpanSource } from "./span.ts";

interface Waiting {
  readonly source: SpanSource;
  readonly bytes: Uint8Array;
}

/** Encoded spans on their way to the collector. Bounded: what does not fit is dropped, never waited for. */
interface SpanQueue {
  /** False: there is no room. Asked before a span is encoded. */
  hasRoom(): boolean;
  push(source: SpanSource, bytes: Uint8Array): void;
  size(): number;
  /** Takes up to `max` spans out, oldest first, as one request. Undefined: there are none. */
  take(max: number): SpanBatch | undefined;
}

export interface SpanBatch {
  readonly spans: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

export function createSpanQueue(maxSpans: number): SpanQueue {
  let waiting: Waiting[] = [];
  return {
    hasRoom: () => waiting.length < maxSpans,
    push(source, bytes) {
      waiting.push({ source, bytes });
    },
    size: () => waiting.length,
    take(max) {
      if (waiting.length === 0) return undefined;
      const taken = waiting.slice(0, max);
      waiting = waiting.slice(max);
      return { spans: taken.length, body: encodeRequest(grouped(taken)) };
    },
  };
}

function grouped(spans: readonly Waiting[]): SpanGroup[] {
  const groups = new Map<SpanSource, Uint8Array[]>();
  for (const { source, bytes } of spans) {
    const held = groups.get(source);
    if (held === undefined) groups.set(source, [bytes]);
    else held.push(bytes);
  }
  return [...groups].map(([source, list]) => ({ source, spans: list }));
}
