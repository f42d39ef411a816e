import type { ReportPart } from "./report-parts.ts";

export interface ExemplarSettings {
  readonly bucketOf: (latencyMs: number) => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of one report. Default 200, some 10 KiB. */
  readonly max?: number;
}

interface Held {
  readonly row: number;
  readonly latencyMs: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly at: number;
}

/** Keeps one request with a trace for each row and latency bucket of the next report: the first, so that nothing is made twice. */
export function createExemplars({ bucketOf, now, max = 200 }: ExemplarSettings): ReportPart {
  let held = new Map<number, Held>();
  return {
    // They point into rows, so without rows there are none.
    pending: () => false,
    example(row, { latencyMs, trace }) {
      if (held.size >= max) return;
      const key = row * KEYS_PER_ROW + bucketOf(latencyMs);
      if (!held.has(key)) held.set(key, { row, latencyMs, ...trace, at: now() });
    },
    take() {
      const exemplars = [...held.values()].map(({ row, latencyMs, traceId, spanId, at }) => ({
        row,
        latencyMs,
        traceId: bytes(traceId),
        spanId: bytes(spanId),
        atMs: BigInt(Math.round(at)),
      }));
      held = new Map();
      return { exemplars };
    },
  };
}

/** More than there are latency buckets. */
const KEYS_PER_ROW = 1_024;

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(hex.length / 2);
  for (let i = 0; i < result.length; i += 1) result[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return result;
}
