import type { TraceContext } from "./trace-context.ts";
import type { SamplerSettings } from "./trace-settings.ts";

/** Whether spans of a trace are kept. */
interface Sampler {
  /** `parent` undefined: the trace begins here. */
  keeps(traceId: string, parent: TraceContext | undefined): boolean;
}

/** The lowest 52 bits of a trace ID, which a number holds exactly; they are random (W3C Trace Context). */
const DIGITS = 13;
const RANGE = 2 ** 52;

/** Decides by the trace ID, so that all samplers with the same ratio keep the same traces. */
export function createSampler({ parentBased, ratio }: SamplerSettings): Sampler {
  const below = Math.round(ratio * RANGE);
  return {
    keeps(traceId, parent) {
      if (parentBased && parent !== undefined) return parent.sampled;
      return ratio >= 1 || Number.parseInt(traceId.slice(-DIGITS), 16) < below;
    },
  };
}
