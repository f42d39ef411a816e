import type { Duration } from "../public/duration.ts";
import { readDuration } from "./duration.ts";

// Registered symbols: an error is recognised also when it comes from another copy of this package.
const permanentBrand = Symbol.for("mesh-sdk.permanent");
const retryBrand = Symbol.for("mesh-sdk.retry");

/** Trying again will not help: an event goes to the dead letters, a question fails until it is asked anew. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
  readonly [permanentBrand] = true;
}

/** Try again after a time that the thrower knows. */
export class RetryError extends Error {
  override readonly name = "RetryError";
  readonly [retryBrand] = true;
  readonly afterMs: number;

  constructor(afterMs: number, message: string) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** `throw permanent("the account is closed")`: do not try again. */
export function permanent(why: string): PermanentError {
  return new PermanentError(why);
}

/** `throw retry("5s")`: try again after this time, at most one hour. `why` is shown to people. */
export function retry(after: Duration, why = "asked to be tried again"): RetryError {
  const afterMs = readDuration(after, "retry(after)");
  return new RetryError(Math.min(afterMs, 3_600_000), why);
}

/** Also true for an error of another copy of this package. */
export function isPermanent(error: unknown): error is PermanentError {
  return error instanceof Error && permanentBrand in error;
}

/** Also true for an error of another copy of this package. */
export function isRetry(error: unknown): error is RetryError {
  return error instanceof Error && retryBrand in error;
}
