import type { Retry } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { milliseconds } from "./route-duration.ts";

/** When a rule wants requests tried again. The budget of the target is above it. */
export interface RetryPlan {
  /** HTTP statuses, and gRPC ones. */
  readonly codes: ReadonlySet<number>;
  readonly grpcCodes: ReadonlySet<number>;
  /** Tries, the first included. */
  readonly tries: number;
  /** Before the first further try; 0: none. */
  readonly backoffMs: number;
  /**
   * The author has named codes, so that a request of any method may be seen twice by programs (as Gateway API has it). Without
   * codes only safe methods are, and what no program has seen.
   */
  readonly anyMethod: boolean;
}

/** A pause is not doubled beyond this. */
const MAX_DOUBLED_MS = 10_000;
/** More attempts than this would only amplify load. */
const MAX_TRIES = 11;

export function compileRetry(retry: Retry | undefined): RetryPlan | undefined {
  if (retry === undefined) return undefined;
  return {
    codes: new Set(retry.codes),
    grpcCodes: new Set(retry.grpcCodes),
    tries: Math.min(retry.attempts + 1, MAX_TRIES),
    backoffMs: milliseconds(retry.backoff),
    anyMethod: retry.codes.length > 0 || retry.grpcCodes.length > 0,
  };
}

/**
 * Pause before the `retry`th further try (from 1), in milliseconds: twice the one before, and up to a half more at random, so
 * that clients who failed together do not come back together. Never less than the author has said.
 */
export function pauseBefore({ backoffMs }: RetryPlan, retry: number, random: number): number {
  const whole = Math.min(backoffMs * 2 ** (retry - 1), Math.max(backoffMs, MAX_DOUBLED_MS));
  return whole * (1 + random / 2);
}
