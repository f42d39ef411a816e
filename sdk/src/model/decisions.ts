import type {
  AllowDecision,
  DenyDecision,
  DenyOptions,
  GrantOptions,
  LeaseGrant,
  LeaseRefusal,
  RefuseOptions,
  ReuseOptions,
} from "../public/decision.ts";
import type { Duration } from "../public/duration.ts";
import { checkDecision, checkLease } from "./decision-check.ts";
import { readDuration } from "./duration.ts";

/** The request may pass: `allow()` this one, `allow({ ttl: "30s", vary: ["path"] })` every one that is equal in these. */
export function allow(options: ReuseOptions = {}): AllowDecision {
  const decision: AllowDecision = { kind: "allow", ...reuse(options, "allow({ ttl })") };
  checkDecision(decision);
  return decision;
}

/** The request is refused with 403 and this reason: `deny("closed at night")`. */
export function deny(reason = "", options: DenyOptions = {}): DenyDecision {
  const { status = 403 } = options;
  const decision: DenyDecision = { kind: "deny", reason, status, ...reuse(options, "deny(why, { ttl })") };
  checkDecision(decision);
  return decision;
}

/** So many requests may pass until the time is over; at most as many as were wanted. `grant(1)` lets one pass now. */
export function grant(requests: number, options: GrantOptions = {}): LeaseGrant {
  const validForMs = milliseconds(options.validFor, "grant(requests, { validFor })");
  const lease: LeaseGrant = { kind: "grant", requests, ...(validForMs !== undefined && { validForMs }) };
  checkLease(lease);
  return lease;
}

/** No request may pass; the proxy asks again after the time. */
export function refuse(options: RefuseOptions = {}): LeaseRefusal {
  const retryAfterMs = milliseconds(options.retryAfter, "refuse({ retryAfter })");
  return { kind: "refuse", ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

function reuse({ ttl, vary }: ReuseOptions, name: string): Pick<AllowDecision, "ttlMs" | "vary"> {
  const ttlMs = milliseconds(ttl, name);
  return { ...(ttlMs !== undefined && { ttlMs }), ...(vary && { vary: Array.isArray(vary) ? [...vary] : vary }) };
}

function milliseconds(duration: Duration | undefined, name: string): number | undefined {
  return duration === undefined ? undefined : readDuration(duration, name);
}
