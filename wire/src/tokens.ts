import { createHmac, timingSafeEqual } from "node:crypto";

/** What the bearer of a token is. */
export type CallerKind = "core" | "proxy" | "plugin" | "operator";

/** What a token proves. */
export interface Claims {
  readonly kind: CallerKind;
  readonly namespace: string;
  readonly name: string;
  readonly instance: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type TokenErrorReason = "malformed" | "signature" | "expired";

/** How long a token is good unless its maker says otherwise: 5 minutes, in milliseconds. */
export const TOKEN_LIFETIME_MS = 5 * 60_000;

const hints: Record<TokenErrorReason, string> = {
  malformed: "present the token that `mesh up` printed, or let the SDK or `mesh` make one",
  signature: "the token was made with another development key: use the same MESH_STATE_DIR on both sides",
  expired: "make a new token for each call; if it is new, compare the clocks of the two machines",
};

/** Why a token proves nothing. Carries no part of the token. */
export class TokenError extends Error {
  override readonly name = "TokenError";
  readonly reason: TokenErrorReason;
  /** What to do next. */
  readonly hint: string;

  constructor(reason: TokenErrorReason, detail: string) {
    super(`token refused: ${detail}`);
    this.reason = reason;
    this.hint = hints[reason];
  }
}

// Not by jose: its promise-based calls take 31 to 64 µs to sign and 32 to 54 µs to verify where these take 11 and 13, and each call between
// services mints and verifies one; NATS' authorization callback and gRPC's metadata want the answer at once.
// Longer tokens do not fit into the control line of NATS (4 KiB), which carries them too.
const MAX_TOKEN_LENGTH = 3000;
const KINDS: readonly string[] = ["core", "proxy", "plugin", "operator"] satisfies CallerKind[];
const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");

/**
 * Signs claims as a compact JWS with HMAC SHA-256 (RFC 7515, RFC 7518 §3.2).
 * The payload is `{"k":kind,"ns":namespace,"n":name,"i":instance,"exp":seconds}`.
 */
export function mintToken(key: Uint8Array, claims: Claims): string {
  const { kind, namespace, name, instance, expiresAt } = claims;
  const payload = JSON.stringify({ k: kind, ns: namespace, n: name, i: instance, exp: expiresAt / 1000 });
  const signed = `${HEADER}.${Buffer.from(payload).toString("base64url")}`;
  return `${signed}.${sign(key, signed).toString("base64url")}`;
}

/**
 * The claims of a token that was signed with `key` and is good at `now` (milliseconds since the epoch).
 *
 * @throws TokenError with its `reason`; nothing of an unproven token is believed, not even its expiry.
 */
export function verifyToken(key: Uint8Array, token: string, now: number): Claims {
  const [header = "", payload = "", signature = "", ...rest] = token.length > MAX_TOKEN_LENGTH ? [] : token.split(".");
  if ([header, payload, signature].includes("") || rest.length > 0)
    throw new TokenError("malformed", "it is not a compact JWS");
  // Only what mintToken writes is accepted, so no other algorithm can be asked for.
  if (header !== HEADER && !isHs256(header)) throw new TokenError("malformed", "it is not signed with HS256");
  if (!equal(sign(key, `${header}.${payload}`), Buffer.from(signature, "base64url"))) {
    throw new TokenError("signature", "its signature does not match the development key");
  }
  const claims = readClaims(payload);
  if (!(claims.expiresAt > now)) {
    throw new TokenError("expired", `it expired ${Math.ceil((now - claims.expiresAt) / 1000)} s ago`);
  }
  return claims;
}

/** One running plugin: names are free to repeat in another namespace. */
export type PluginInstance = Pick<Claims, "namespace" | "name" | "instance">;

/** The secret that the core presents when it calls a plugin's hooks: only holders of the key can derive it. */
export function hookToken(key: Uint8Array, plugin: PluginInstance): string {
  return createHmac("sha256", key)
    .update(JSON.stringify(["hook", plugin.namespace, plugin.name, plugin.instance]))
    .digest("base64url");
}

/** True when both are the same text. Takes the same time wherever they differ. */
export function sameSecret(a: string, b: string): boolean {
  return equal(Buffer.from(a), Buffer.from(b));
}

function sign(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function isHs256(header: string): boolean {
  const value = parseObject(header);
  return value?.["alg"] === "HS256" && value["crit"] === undefined;
}

function readClaims(payload: string): Claims {
  const value = parseObject(payload);
  const { k, ns, n, i, exp } = value ?? {};
  if (!isKind(k) || typeof ns !== "string" || typeof n !== "string" || typeof i !== "string") {
    throw new TokenError("malformed", "its claims are not complete");
  }
  if (typeof exp !== "number" || !Number.isFinite(exp)) throw new TokenError("malformed", "it has no expiry");
  return { kind: k, namespace: ns, name: n, instance: i, expiresAt: Math.round(exp * 1000) };
}

function isKind(value: unknown): value is CallerKind {
  return typeof value === "string" && KINDS.includes(value);
}

function parseObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
