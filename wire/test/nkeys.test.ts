import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
// The reference implementation, which is too slow to use but right.
import { nkeys } from "@nats-io/nats-core";
import fc from "fast-check";
import { decodeAuthorizationRequest, encodeAuthorizationResponse, encodeUserJwt } from "../src/nats-jwt.ts";
import { createSeed, isPublicKey, type NkeyKind, readSeed } from "../src/nkeys.ts";

const kinds: NkeyKind[] = ["account", "user"];

function readJwt(jwt: string) {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const json = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  return { header: json(header), claims: json(payload), signed: `${header}.${payload}`, signature };
}

describe("an nkey", () => {
  for (const kind of kinds) {
    test(`of an ${kind} is the one that the reference implementation reads`, () => {
      for (let i = 0; i < 20; i++) {
        const { seed, publicKey } = createSeed(kind);
        assert.match(seed, kind === "user" ? /^SU[A-Z2-7]{56}$/ : /^SA[A-Z2-7]{56}$/);
        assert.match(publicKey, kind === "user" ? /^U[A-Z2-7]{55}$/ : /^A[A-Z2-7]{55}$/);
        assert.equal(nkeys.fromSeed(Buffer.from(seed)).getPublicKey(), publicKey);
        assert.ok(isPublicKey(kind, publicKey));
        assert.ok(!isPublicKey(kind === "user" ? "account" : "user", publicKey));
      }
    });

    test(`of an ${kind} is read from the seed that the reference implementation made, and signs as it does`, () => {
      const theirs = kind === "user" ? nkeys.createUser() : nkeys.createAccount();
      const ours = readSeed(Buffer.from(theirs.getSeed()).toString());
      assert.equal(ours.publicKey, theirs.getPublicKey());
      const data = randomBytes(100);
      assert.ok(nkeys.fromPublic(ours.publicKey).verify(data, ours.sign(data)));
    });
  }

  test("is refused with a sentence that does not repeat it", () => {
    const { seed } = createSeed("user");
    const wrong = [`${seed.slice(0, -1)}A`, seed.slice(0, 20), "", "hello", seed.toLowerCase(), `${seed}A`];
    for (const text of [...wrong, createSeed("user").publicKey]) {
      if (text === seed) continue;
      assert.throws(
        () => readSeed(text),
        (error: Error) => /not the seed/.test(error.message) && !error.message.includes(seed),
      );
    }
    fc.assert(fc.property(fc.string(), (text) => assert.ok(!isPublicKey("user", text))));
  });
});

describe("a JWT for NATS", () => {
  const issuerKey = createSeed("account");
  const issuer = readSeed(issuerKey.seed);
  const user = createSeed("user").publicKey;

  test("is signed by its issuer, and never the same twice", () => {
    const grant = { user, name: "p", account: "PLUGINS", permissions: { publish: ["a"], subscribe: [] }, expires: 9 };
    const jwts = [encodeUserJwt(issuer, grant), encodeUserJwt(issuer, grant)];
    const [first, second] = jwts.map(readJwt);
    assert.deepEqual(first?.header, { typ: "JWT", alg: "ed25519-nkey" });
    assert.equal(first?.claims.iss, issuerKey.publicKey);
    assert.equal(first?.claims.exp, 9);
    assert.notEqual(first?.claims.jti, second?.claims.jti);
    const signature = Buffer.from(first?.signature ?? "", "base64url");
    assert.ok(nkeys.fromPublic(issuerKey.publicKey).verify(Buffer.from(first?.signed ?? ""), signature));
  });

  test("turns an empty allow list into a denial of everything", () => {
    const permissions = { publish: [], subscribe: ["x"] };
    const jwt = encodeUserJwt(issuer, { user, name: "p", account: "PLUGINS", permissions, expires: 9 });
    assert.deepEqual(readJwt(jwt).claims.nats.pub, { deny: [">"] });
    assert.deepEqual(readJwt(jwt).claims.nats.sub, { allow: ["x"] });
  });

  test("answers the server that asked, for the user that it chose", () => {
    const answer = readJwt(encodeAuthorizationResponse(issuer, { serverId: "NX", user }, { error: "no" }));
    assert.equal(answer.claims.aud, "NX");
    assert.equal(answer.claims.sub, user);
    assert.equal(answer.claims.nats.error, "no");
  });

  test("that is no authorization request is an error, whatever it is", () => {
    for (const text of ["", "a.b.c", "a.e30.c", `a.${Buffer.from('{"nats":{}}').toString("base64url")}.c`]) {
      assert.throws(() => decodeAuthorizationRequest(Buffer.from(text)));
    }
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.throws(() => decodeAuthorizationRequest(bytes))));
  });
});
