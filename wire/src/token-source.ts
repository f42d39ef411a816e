import { type Claims, mintToken, TOKEN_LIFETIME_MS } from "./tokens.ts";

/**
 * A function that always returns a token with at least half of its life left, and makes a new one only when
 * needed. `now` is milliseconds since the epoch.
 */
export function createTokenSource(
  key: Uint8Array,
  claims: Omit<Claims, "expiresAt">,
  now: () => number = Date.now,
): () => string {
  let token = "";
  let expiresAt = 0;
  return () => {
    const at = now();
    const left = expiresAt - at;
    // More than a whole life left means that the clock was set back: the token may be from the future elsewhere.
    if (left < TOKEN_LIFETIME_MS / 2 || left > TOKEN_LIFETIME_MS) {
      expiresAt = at + TOKEN_LIFETIME_MS;
      token = mintToken(key, { ...claims, expiresAt });
    }
    return token;
  };
}
