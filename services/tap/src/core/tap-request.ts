import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { printable } from "@patchbay/model";
import { type Selector, SelectorSchema, type WatchRequest } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { compileSelector, type SelectorProblem } from "@patchbay/rules";

/** What somebody wants to see, checked, with defaults filled in. */
export interface TapRequest {
  readonly selector: Selector;
  /** Requests after which it ends; Infinity: no such limit. */
  readonly limit: number;
  readonly durationMs: number;
  /** Requests a second, over all proxies. */
  readonly maxRps: number;
  readonly asker: string;
}

export const DEFAULT_DURATION_MS = 600_000;
export const MAX_DURATION_MS = 3_600_000;
export const DEFAULT_RPS = 100;
export const MAX_RPS = 1_000;
const MAX_ASKER = 128;

/** A request that cannot be served as it is. */
export class TapRequestError extends Error {
  override readonly name = "AskedError";
}

/** Throws AskedError with a sentence that names the field. */
export function readTapRequest(request: WatchRequest): TapRequest {
  const selector = request.selector ?? create(SelectorSchema);
  const compiled = compileSelector(selector);
  if (!compiled.ok) throw new TapRequestError(problemText(compiled.problem));
  if (request.maxRps > MAX_RPS) throw new TapRequestError(`max_rps: ${request.maxRps} is more than ${MAX_RPS}`);
  return {
    selector,
    limit: request.limit || Infinity,
    durationMs: readDuration(request),
    maxRps: request.maxRps || DEFAULT_RPS,
    asker: printable(request.client, MAX_ASKER),
  };
}

function readDuration({ duration }: WatchRequest): number {
  if (duration === undefined) return DEFAULT_DURATION_MS;
  const ms = durationMs(duration);
  if (ms > 0 && ms <= MAX_DURATION_MS) return ms;
  throw new TapRequestError(`duration: ${ms / 1_000} s is not more than 0 s and at most ${MAX_DURATION_MS / 1_000} s`);
}

/** "selector.where at 12: …; hint" */
function problemText({ field, column, message, hint }: SelectorProblem): string {
  const place = column === undefined ? "" : ` at ${column}`;
  return `selector.${field}${place}: ${message}${hint === "" ? "" : `; ${hint}`}`;
}
