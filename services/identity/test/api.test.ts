import assert from "node:assert/strict";
import { generateKeyPairSync, webcrypto, X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Identity } from "@patchbay/proto/mesh/identity/v1/identity_pb";
import { type RunningService, startService } from "@patchbay/testkit";
import type { CallerKind } from "@patchbay/wire";
import { createIdentityApp } from "../src/app.ts";
import { Pkcs10CertificateRequestGenerator } from "../src/sources/x509.ts";

describe("the identity API", () => {
  let identity: RunningService;
  before(async () => {
    identity = await startService("identity", createIdentityApp);
  });
  after(() => identity.stop());

  function client(kind: CallerKind, name: string, namespace = "default") {
    return createClient(Identity, identity.as({ kind, namespace, name }));
  }

  async function request(curve: "P-256" | "P-384" | "Ed25519"): Promise<Uint8Array<ArrayBuffer>> {
    const algorithm = curve === "Ed25519" ? { name: curve } : { name: "ECDSA", namedCurve: curve };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    assert.ok("privateKey" in keys);
    const signingAlgorithm =
      curve === "Ed25519" ? { name: curve } : { name: "ECDSA", namedCurve: curve, hash: "SHA-256" };
    const csr = await Pkcs10CertificateRequestGenerator.create({
      name: "CN=payments",
      keys,
      signingAlgorithm,
    });
    return new Uint8Array(csr.rawData);
  }

  const refused = async (call: Promise<unknown>): Promise<ConnectError> => {
    const error: unknown = await call.then(
      () => assert.fail("it was not refused"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ConnectError);
    return error;
  };

  it("signs for the name that the token proves, not for the one in the request, and says when to come again", async () => {
    const signed = await client("proxy", "users").sign({ certificateRequest: await request("P-256") });
    assert.equal(signed.spiffeId, "spiffe://cluster.local/ns/default/sa/users");
    const certificate = new X509Certificate(signed.certificateChain);
    assert.equal(certificate.subjectAltName, `URI:${signed.spiffeId}`);
    assert.ok(certificate.verify(new X509Certificate(signed.trustBundle).publicKey));
    assert.ok(signed.notAfter && signed.renewAt);
    const left = timestampMs(signed.notAfter) - Date.now();
    assert.ok(left > 3_500_000 && left <= 3_600_000);
    assert.ok(timestampMs(signed.renewAt) < timestampMs(signed.notAfter) - 1_700_000);
    assert.ok(certificate.validFromDate.getTime() <= Date.now() - 59_000);
  });

  it("signs for core services too, and takes Ed25519 keys", async () => {
    const { spiffeId } = await client("core", "x", "demo").sign({ certificateRequest: await request("Ed25519") });
    assert.equal(spiffeId, "spiffe://cluster.local/ns/demo/sa/x");
  });

  it("refuses a plugin, which could bear the name of a service", async () => {
    const error = await refused(client("plugin", "users").sign({ certificateRequest: await request("P-256") }));
    assert.equal(error.code, Code.PermissionDenied);
  });

  it("gives the trust bundle and its domain", async () => {
    const { trustBundle, trustDomain } = await client("operator", "me").getTrustBundle({});
    assert.equal(trustDomain, "cluster.local");
    assert.ok(new X509Certificate(trustBundle).ca);
  });

  it("refuses an operator, who has no name to certify", async () => {
    const error = await refused(client("operator", "me").sign({ certificateRequest: await request("P-256") }));
    assert.equal(error.code, Code.PermissionDenied);
  });

  it("refuses a name that could be read as another's in a SPIFFE ID", async () => {
    for (const name of ["users/ns/x", "..", "Users", ""]) {
      const error = await refused(client("proxy", name).sign({ certificateRequest: await request("P-256") }));
      assert.equal(error.code, Code.InvalidArgument);
    }
  });

  it("refuses what is no request, and weak keys, with what to do instead", async () => {
    const rubbish = await refused(client("proxy", "users").sign({ certificateRequest: new Uint8Array(64).fill(1) }));
    assert.equal(rubbish.code, Code.InvalidArgument);
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1_024 });
    const key1024 = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
    assert.equal(
      (await refused(client("proxy", "users").sign({ certificateRequest: key1024 }))).code,
      Code.InvalidArgument,
    );
    const weak = await refused(client("proxy", "users").sign({ certificateRequest: await request("P-384") }));
    assert.match(weak.rawMessage, /neither ECDSA P-256 nor Ed25519/);
  });

  it("keeps its key where only this user can read it", async () => {
    assert.equal((await stat(join(identity.stateDir, "ca", "root-1.pem"))).mode & 0o777, 0o600);
    assert.equal((await stat(join(identity.stateDir, "ca"))).mode & 0o777, 0o700);
  });
});
