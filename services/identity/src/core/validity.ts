/** Times in milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
  /** Half of the life: early enough to try for a long time before the old one ends. */
  readonly renewAt: number;
}

/** Certificates are valid from this long before their signing, for peers with a slow clock. */
const CLOCK_SKEW_MS = 60_000;

const DAY_MS = 24 * 3_600_000;

/** Life of a root. */
export const ROOT_LIFE_MS = 365 * DAY_MS;

/** A root with less life left than this gets a successor; both are trusted until the old one expires. */
export const ROOT_OVERLAP_MS = 30 * DAY_MS;

/** The life of a workload certificate: never beyond its issuer's. X.509 times are whole seconds. */
export function leafValidity(now: number, lifeMs: number, issuerNotAfter: number): Validity {
  const notAfter = wholeSeconds(Math.min(now + lifeMs, issuerNotAfter));
  return { notBefore: wholeSeconds(now - CLOCK_SKEW_MS), notAfter, renewAt: now + Math.floor((notAfter - now) / 2) };
}

export function rootValidity(now: number): Pick<Validity, "notBefore" | "notAfter"> {
  return { notBefore: wholeSeconds(now - CLOCK_SKEW_MS), notAfter: wholeSeconds(now + ROOT_LIFE_MS) };
}

export function needsSuccessor(rootNotAfter: number, now: number): boolean {
  return rootNotAfter - now < ROOT_OVERLAP_MS;
}

/**
 * Whether a successor may sign yet. At first it is only trusted: a workload with an older bundle would refuse its certificates,
 * so it waits until all workloads have fetched a new one.
 */
export function signs(rootNotBefore: number, now: number, settleMs: number): boolean {
  return now - CLOCK_SKEW_MS - rootNotBefore >= settleMs;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
