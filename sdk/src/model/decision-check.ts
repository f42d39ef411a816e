import { isRecord } from "@patchbay/model";
import { PluginMistake, show } from "../errors/mistake.ts";
import { placeOfCaller } from "../errors/place.ts";
import type { Decision, Lease, Vary } from "../public/decision.ts";
import type { AnswerSource } from "./answer-check.ts";

type Fields = Readonly<Record<string, unknown>>;

const MAX_VARY = 16;
const MAX_REASON = 512;
/** Field names of HTTP, https://www.rfc-editor.org/rfc/rfc9110#name-tokens, in lower case. */
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

const authorizing: AnswerSource = { doing: "authorize", place: placeOfCaller };
const limiting: AnswerSource = { doing: "ratelimit", place: placeOfCaller };

/** Checks what an authorizer returned, which may have been made by hand, and returns it in its normal form. Throws a PluginMistake. */
export function checkDecision(value: unknown, source: AnswerSource = authorizing): Decision {
  const fields: Fields = isRecord(value) ? value : {};
  if (fields.kind === "allow") return { kind: "allow", ...checkReuse(fields, "allow()", source) };
  if (fields.kind === "deny") return checkDeny(fields, source);
  throw wrong(source, `returned ${show(value)}, which is no decision`, 'Return allow() or deny("why")');
}

function checkDeny(fields: Fields, source: AnswerSource): Decision {
  const { reason, status } = fields;
  if (typeof reason !== "string" || reason.length > MAX_REASON) {
    const hint = `Write deny("closed at night"), at most ${MAX_REASON} characters; the caller reads it`;
    throw wrong(source, `got deny() with the reason ${show(reason)}`, hint);
  }
  if (status !== 401 && status !== 403) {
    const hint = "It is 403, or 401 when the caller has to prove who it is";
    throw wrong(source, `got deny() with the status ${show(status)}`, hint);
  }
  return { kind: "deny", reason, status, ...checkReuse(fields, "deny()", source) };
}

/** Both or none: an answer that cannot be told apart from others' is never used again, and nothing says so but this. */
function checkReuse({ ttlMs, vary }: Fields, name: string, source: AnswerSource): { ttlMs?: number; vary?: Vary[] } {
  if (ttlMs === undefined && vary === undefined) return {};
  if (typeof ttlMs !== "number" && ttlMs !== undefined)
    throw wrong(source, `got ${name} with a ttl of ${show(ttlMs)}`, HOW_TTL);
  const attributes = checkVary(vary ?? [], name, source);
  if (ttlMs === undefined) {
    throw wrong(
      source,
      `got ${name} with vary and without ttl, which would never be used`,
      'Add for how long, such as ttl: "30s"',
    );
  }
  if (!Number.isFinite(ttlMs) || ttlMs < 0) throw wrong(source, `got ${name} with a ttl of ${show(ttlMs)}`, HOW_TTL);
  if (attributes.length === 0) {
    const hint =
      'Name what the answer depends on, such as vary: ["path", "header:x-tenant"], or ["source"] when only who calls counts';
    throw wrong(source, `got ${name} with ttl and without vary, which would never be used`, hint);
  }
  return { ttlMs, vary: attributes };
}

const HOW_TTL = 'Write ttl: "30s"';

function checkVary(vary: unknown, name: string, source: AnswerSource): Vary[] {
  if (!Array.isArray(vary) || vary.length > MAX_VARY) {
    throw wrong(
      source,
      `got ${name} with vary ${show(vary)}`,
      `Write a list of at most ${MAX_VARY}, such as vary: ["path"]`,
    );
  }
  return vary.map((each: unknown) => {
    const attribute = readAttribute(each);
    if (attribute !== undefined) return attribute;
    const hint = 'There are "source", "method", "path" and "header:NAME"';
    throw wrong(source, `got ${name} with ${show(each)} in vary`, hint);
  });
}

function readAttribute(value: unknown): Vary | undefined {
  if (value === "source" || value === "method" || value === "path") return value;
  if (typeof value !== "string" || !value.startsWith("header:")) return undefined;
  const name = value.slice("header:".length).toLowerCase();
  return HEADER_NAME.test(name) ? `header:${name}` : undefined;
}

/**
 * Checks what a rate limiter returned, which may have been made by hand, and returns it in its normal form. `wanted` is the most
 * that it may grant. Throws a PluginMistake.
 */
export function checkLease(value: unknown, source: AnswerSource = limiting, wanted = Number.POSITIVE_INFINITY): Lease {
  const fields: Fields = isRecord(value) ? value : {};
  if (fields.kind === "grant") return checkGrant(fields, source, wanted);
  if (fields.kind === "refuse") {
    const { retryAfterMs } = fields;
    if (retryAfterMs === undefined) return { kind: "refuse" };
    if (isTime(retryAfterMs)) return { kind: "refuse", retryAfterMs };
    throw wrong(source, `got refuse() with ${show(retryAfterMs)}`, 'Write refuse({ retryAfter: "500ms" })');
  }
  const hint = 'Return grant(10, { validFor: "1s" }) or refuse({ retryAfter: "500ms" })';
  throw wrong(source, `returned ${show(value)}, which is no lease`, hint);
}

function checkGrant({ requests, validForMs }: Fields, source: AnswerSource, wanted: number): Lease {
  if (requests === 0)
    throw wrong(source, "got grant(0)", 'Return refuse({ retryAfter: "500ms" }), which says when to ask again');
  if (typeof requests !== "number" || !Number.isSafeInteger(requests) || requests < 1) {
    throw wrong(
      source,
      `got grant(${show(requests)})`,
      "Grant a whole number of requests, 1 or more: Math.floor() helps",
    );
  }
  if (requests > wanted) {
    const hint = "Grant Math.min(wanted, ...): what is beyond would be nobody's and still count as given away";
    throw wrong(source, `granted ${requests} requests where ${wanted} were wanted`, hint);
  }
  if (validForMs === undefined && requests > 1) {
    const hint = 'Say how long they are good: grant(10, { validFor: "1s" })';
    throw wrong(source, `got grant(${requests}) without validFor, of which only one would be used`, hint);
  }
  if (validForMs === undefined) return { kind: "grant", requests };
  if (isTime(validForMs) && validForMs > 0) return { kind: "grant", requests, validForMs };
  throw wrong(source, `got grant() that is valid for ${show(validForMs)}`, 'Write validFor: "1s"');
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function wrong({ doing, place }: AnswerSource, what: string, hint: string): PluginMistake {
  return new PluginMistake(`${doing} ${what}`, { hint, place: place() });
}
