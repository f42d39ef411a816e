import type { Log } from "@patchbay/wire";
import { type DestinationStream, pino } from "pino";
import { currentTrace } from "./trace/current-trace.ts";

interface LogOptions {
  /** Which component speaks. */
  readonly name: string;
  /** "debug", "info", "warn", "error" or "silent". Default "info". */
  readonly level?: string | undefined;
  /** Default: standard error, so that standard output stays free for what was asked for. */
  readonly destination?: DestinationStream;
}

/**
 * One JSON object a line: level, time, name, what happened and its fields; `traceId` when it happens while a call of a trace is
 * answered. Never a token, a key or a payload.
 */
export function createLog({ name, level = "info", destination = pino.destination(2) }: LogOptions): Log {
  const options = {
    name,
    level,
    base: { component: name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
    mixin: () => {
      const trace = currentTrace();
      return trace === undefined ? {} : { traceId: trace.context.traceId };
    },
    redact: ["token", "key", "seed", "authorization", "hookToken"],
  };
  return pino(options, destination);
}
