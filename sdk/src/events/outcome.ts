import type { HandlerResult } from "../host/host.ts";
import type { Outcome } from "../public/test-kit.ts";

/** Which delivery it was, and how many there are. */
export interface DeliveryLimits {
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** After so many deliveries an event that still fails is dead. 0: never. */
  readonly maxDeliver: number;
  /** A number in [0, 1). Default: Math.random. */
  readonly random?: (() => number) | undefined;
}

const acked: Outcome = { status: "acked" };
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** How a delivery is acknowledged after its handler ran. Redelivery backs off by 1, 2, 4, 8 s and so on up to a minute. */
export function outcomeOf(result: HandlerResult, limits: DeliveryLimits): Outcome {
  if (result.status === "done") return acked;
  if (result.status === "permanent") return { status: "dead", reason: result.reason };
  const { attempt, maxDeliver } = limits;
  if (maxDeliver > 0 && attempt >= maxDeliver) {
    return { status: "dead", reason: `failed ${attempt} of ${maxDeliver} deliveries: ${result.reason}` };
  }
  const afterMs = result.status === "retry" ? result.afterMs : retryWaitMs(attempt, limits.random);
  return { status: "retried", afterMs, reason: result.reason };
}

/** Wait before the next try after `attempt` (from 1), less up to a quarter at random, so that failures do not march in step. */
export function retryWaitMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 16), LONGEST_WAIT_MS);
  return Math.round(full * (1 - random() / 4));
}
