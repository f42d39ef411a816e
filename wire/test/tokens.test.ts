import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createTokenSource } from "../src/token-source.ts";
import {
  type CallerKind,
  type Claims,
  hookToken,
  mintToken,
  sameSecret,
  TOKEN_LIFETIME_MS,
  TokenError,
  type TokenErrorReason,
  verifyToken,
} from "../src/tokens.ts";

const key = randomBytes(32);
const NOW = Date.UTC(2026, 0, 1);
const claims: Claims = { kind: "plugin", namespace: "default", name: "greeter", instance: "a1", expiresAt: NOW + 1 };

function refused(reason: TokenErrorReason) {
  return (error: unknown) => error instanceof TokenError && error.reason === reason && error.hint.length > 10;
}

function handMade(header: object, payload: object): string {
  const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}

describe("a token", () => {
  test("proves what it was minted for, whatever the names", () => {
    const kinds = fc.constantFrom<CallerKind>("core", "proxy", "plugin", "operator");
    const anyClaims = fc.record({
      kind: kinds,
      namespace: fc.string({ maxLength: 63 }),
      name: fc.string({ maxLength: 63 }),
      instance: fc.string({ maxLength: 63 }),
      expiresAt: fc.integer({ min: NOW + 1, max: NOW * 2 }),
    });
    fc.assert(fc.property(anyClaims, (c) => assert.deepEqual(verifyToken(key, mintToken(key, c), NOW), { ...c })));
  });

  test("is refused after its end, and at it", () => {
    const token = mintToken(key, claims);
    assert.throws(() => verifyToken(key, token, NOW + 1), refused("expired"));
    assert.throws(() => verifyToken(key, token, NOW + 90_000), /expired 90 s ago/);
  });

  test("is refused when made with another key", () => {
    assert.throws(() => verifyToken(randomBytes(32), mintToken(key, claims), NOW), refused("signature"));
  });

  test("is refused when any character of it is changed", () => {
    const token = mintToken(key, claims);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom("A", "z", "0", "-", "_", ".", "="), (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        fc.pre(changed !== token);
        // The last character of a base64url part has bits that mean nothing; such a token is the same token.
        fc.pre(at !== token.length - 1);
        assert.throws(() => verifyToken(key, changed, NOW), TokenError);
      }),
    );
  });

  test("is refused, not crashed on, when it is rubbish", () => {
    fc.assert(fc.property(fc.string(), (text) => assert.throws(() => verifyToken(key, text, NOW), TokenError)));
    assert.throws(() => verifyToken(key, "a.b.c.d", NOW), refused("malformed"));
    assert.throws(() => verifyToken(key, `${"x".repeat(5000)}.y.z`, NOW), refused("malformed"));
  });

  test("may be made by somebody else's JWS library", () => {
    const payload = { exp: 2 * NOW, n: "x", i: "y", ns: "z", k: "proxy", iat: 1 };
    assert.equal(verifyToken(key, handMade({ typ: "JWT", alg: "HS256" }, payload), NOW).name, "x");
  });

  test("cannot choose another algorithm, or leave claims out", () => {
    const whole = { k: "core", ns: "a", n: "b", i: "c", exp: 2 * NOW };
    for (const header of [{ alg: "none" }, { alg: "HS512" }, {}, { alg: "HS256", crit: ["x"] }]) {
      assert.throws(() => verifyToken(key, handMade(header, whole), NOW), refused("malformed"));
    }
    for (const bad of [{ ...whole, k: "root" }, { ...whole, exp: "soon" }, { ...whole, n: 7 }, [], null]) {
      assert.throws(() => verifyToken(key, handMade({ alg: "HS256" }, bad as object), NOW), refused("malformed"));
    }
  });

  test("shows nothing of itself in the error", () => {
    const token = mintToken(randomBytes(32), claims);
    assert.throws(
      () => verifyToken(key, token, NOW),
      (error: Error) => !token.split(".").some((part) => error.message.includes(part)),
    );
  });
});

describe("a token source", () => {
  test("mints a new token only when less than half of the life is left", () => {
    let now = NOW;
    const { expiresAt: _, ...who } = claims;
    const next = createTokenSource(key, who, () => now);
    const first = next();
    now += TOKEN_LIFETIME_MS / 2;
    assert.equal(next(), first);
    now += 1;
    const second = next();
    assert.notEqual(second, first);
    assert.equal(verifyToken(key, second, now).expiresAt, now + TOKEN_LIFETIME_MS);
  });

  test("mints a new token when the clock was set back", () => {
    let now = NOW;
    const { expiresAt: _, ...who } = claims;
    const next = createTokenSource(key, who, () => now);
    next();
    now -= 3_600_000;
    assert.equal(verifyToken(key, next(), now).expiresAt, now + TOKEN_LIFETIME_MS);
  });
});

describe("a hook token", () => {
  test("depends on key, namespace, plugin and instance, and on where one ends and the other begins", () => {
    const plugin = { namespace: "n", name: "a", instance: "bc" };
    const tokens = [
      hookToken(key, plugin),
      hookToken(key, { ...plugin, name: "ab", instance: "c" }),
      hookToken(key, { ...plugin, instance: "b" }),
      hookToken(key, { ...plugin, namespace: "m" }),
      hookToken(randomBytes(32), plugin),
    ];
    assert.equal(new Set(tokens).size, tokens.length);
    assert.ok(sameSecret(hookToken(key, plugin), tokens[0] ?? ""));
    assert.ok(!sameSecret("a", "ab"));
  });
});
