/**
 * Takes an endpoint out after consecutive failures and lets it back in by a single probe.
 *
 *     admitted --(maxFailures consecutive failures)--> ejected
 *     ejected  --(backoff passed, a request is let through)--> probing
 *     probing  --(the probe succeeded)--> admitted
 *     probing  --(it failed)--> ejected, with twice the backoff
 *     probing  --(no answer within the probe's time)--> the next request is a probe too
 *
 * A success of an attempt that began before the ejection proves nothing about now and is ignored; one that began after it
 * (because all endpoints were out) readmits.
 */
export type Health =
  | { readonly state: "admitted"; readonly failures: number }
  | { readonly state: "ejected"; readonly until: number; readonly backoffMs: number; readonly since: number }
  | { readonly state: "probing"; readonly began: number; readonly backoffMs: number; readonly since: number };

export interface AccrualSettings {
  /** Consecutive failures until an endpoint is ejected. */
  readonly maxFailures: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Share of the backoff that is random, 0 to 1. */
  readonly jitter: number;
  /** How long a probe may stay unanswered until another request is let through. */
  readonly probeMs: number;
  readonly random: () => number;
}

export const ADMITTED: Health = { state: "admitted", failures: 0 };

/** May a request go there now? Ejected ones answer true once their backoff has passed: that request is the probe. */
export function isAvailable(health: Health, now: number, settings: AccrualSettings): boolean {
  switch (health.state) {
    case "admitted":
      return true;
    case "ejected":
      return now >= health.until;
    case "probing":
      return now >= health.began + settings.probeMs;
  }
}

/** The state after a request was sent there. */
export function afterBegin(health: Health, now: number): Health {
  if (health.state === "admitted") return health;
  if (health.state === "ejected" && now < health.until) return health;
  return { state: "probing", began: now, backoffMs: health.backoffMs, since: health.since };
}

/** The state after the attempt that began at `began` ended. */
export function afterEnd(
  health: Health,
  attempt: { readonly began: number; readonly failed: boolean; readonly now: number },
  settings: AccrualSettings,
): Health {
  if (health.state === "admitted") return afterAdmitted(health.failures, attempt, settings);
  if (attempt.began < health.since) return health;
  if (!attempt.failed) return ADMITTED;
  // Of several attempts at an ejected endpoint only the probe doubles its backoff.
  if (health.state === "ejected") return health;
  return eject(Math.min(health.backoffMs * 2, settings.maxBackoffMs), attempt.now, settings);
}

function afterAdmitted(
  failures: number,
  attempt: { readonly failed: boolean; readonly now: number },
  settings: AccrualSettings,
): Health {
  if (!attempt.failed) return failures === 0 ? ADMITTED : { state: "admitted", failures: 0 };
  if (failures + 1 < settings.maxFailures) return { state: "admitted", failures: failures + 1 };
  return eject(settings.minBackoffMs, attempt.now, settings);
}

function eject(backoffMs: number, now: number, settings: AccrualSettings): Health {
  const wait = backoffMs * (1 - settings.jitter + settings.jitter * settings.random());
  return { state: "ejected", until: now + wait, backoffMs, since: now };
}
