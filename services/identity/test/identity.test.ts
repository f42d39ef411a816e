import assert from "node:assert/strict";
import { createPublicKey, webcrypto, X509Certificate } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect, createServer, type PeerCertificate } from "node:tls";
import { spiffeId } from "@patchbay/model";
import { leafValidity, ROOT_LIFE_MS, ROOT_OVERLAP_MS } from "../src/core/validity.ts";
import { signCertificate, trustBundle } from "../src/sources/authority.ts";
import { openRoots } from "../src/sources/root-files.ts";
import { PemConverter, Pkcs10CertificateRequestGenerator } from "../src/sources/x509.ts";

const dir = await mkdtemp(join(tmpdir(), "patchbay-identity-"));
after(async () => await rm(dir, { recursive: true }));

const now = Date.now();
const trustDomain = "cluster.local";
const settleMs = 3_600_000;
const workload = { namespace: "default", name: "users" };
const open = (folder: string, at = now) => openRoots({ dir: join(dir, folder), trustDomain, now: at, settleMs });

async function requestFor(curve: string) {
  const algorithm = { name: "ECDSA", namedCurve: curve, hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=somebody else",
    keys,
    signingAlgorithm: algorithm,
  });
  const privateKey = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { der: new Uint8Array(csr.rawData), privateKey };
}

describe("a signed certificate", () => {
  it("names the proven caller as its SPIFFE ID, whatever the request says", async () => {
    const { der } = await requestFor("P-256");
    const signed = await signCertificate(await open("a"), {
      request: der,
      workload,
      trustDomain,
      now,
      lifeMs: 3_600_000,
    });
    const certificate = new X509Certificate(signed.chain);
    assert.equal(certificate.subjectAltName, "URI:spiffe://cluster.local/ns/default/sa/users");
    assert.equal(certificate.subject, undefined);
    assert.equal(certificate.ca, false);
  });

  it("is proven by the trust bundle, and by no other", async () => {
    const { der } = await requestFor("P-256");
    const roots = await open("a");
    const { chain } = await signCertificate(roots, { request: der, workload, trustDomain, now, lifeMs: 3_600_000 });
    const own = createPublicKey(trustBundle(roots));
    const other = createPublicKey(trustBundle(await open("other")));
    assert.equal(new X509Certificate(chain).verify(own), true);
    assert.equal(new X509Certificate(chain).verify(other), false);
  });

  it("serves and calls over mutual TLS", async () => {
    const roots = await open("a");
    const { der, privateKey } = await requestFor("P-256");
    const { chain } = await signCertificate(roots, { request: der, workload, trustDomain, now, lifeMs: 3_600_000 });
    const tls = { cert: chain, key: privateKey, ca: trustBundle(roots) };
    const seen = Promise.withResolvers<PeerCertificate>();
    const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (socket) => {
      seen.resolve(socket.getPeerCertificate());
      socket.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(address && typeof address === "object");
    const client = connect({ ...tls, host: "127.0.0.1", port: address.port, checkServerIdentity: () => undefined });
    client.on("error", (error) => seen.reject(error));
    assert.equal((await seen.promise).subjectaltname, "URI:spiffe://cluster.local/ns/default/sa/users");
    client.destroy();
    server.close();
  });

  it("is to be renewed at half of its life, and never outlives its issuer", () => {
    const hour = leafValidity(now, 3_600_000, now + ROOT_LIFE_MS);
    assert.ok(Math.abs(hour.renewAt - (now + 1_800_000)) <= 1_000);
    assert.ok(leafValidity(now, 3_600_000, now + 60_000).notAfter <= now + 60_000);
  });
});

describe("a certificate request", () => {
  const sign = async (request: Uint8Array) =>
    await signCertificate(await open("a"), { request, workload, trustDomain, now, lifeMs: 3_600_000 });

  it("is refused when it is not one", async () => {
    await assert.rejects(sign(new Uint8Array()), /0 bytes/);
    await assert.rejects(sign(new Uint8Array(100).fill(48)), /not PKCS #10/);
    await assert.rejects(sign(new Uint8Array(100_000)), /at most/);
  });

  it("is refused when another key signed it", async () => {
    const { der } = await requestFor("P-256");
    const last = der.length - 1;
    der[last] = (der[last] ?? 0) ^ 1;
    await assert.rejects(sign(der), /signature/);
  });

  it("is refused with another kind of key", async () => {
    await assert.rejects(sign((await requestFor("P-384")).der), /neither ECDSA P-256 nor Ed25519/);
  });
});

describe("the authority's files", () => {
  it("are made once, also when two processes start together", async () => {
    const [one, two] = await Promise.all([open("race"), open("race")]);
    assert.equal(trustBundle(one), trustBundle(two));
    assert.equal(trustBundle(await open("race")), trustBundle(one));
  });

  it("are refused when other users can read them", async () => {
    await open("readable");
    await chmod(join(dir, "readable", "root-1.pem"), 0o644);
    await assert.rejects(open("readable"), /chmod 600/);
  });

  it("get one successor before the root ends, which is trusted first and signs only when everybody knows it", async () => {
    const first = await open("rotate");
    const serial = (root: { certificate: { serialNumber: string } } | undefined) => root?.certificate.serialNumber;
    const late = now + ROOT_LIFE_MS - ROOT_OVERLAP_MS + 1_000;
    const [second, same] = await Promise.all([open("rotate", late), open("rotate", late)]);
    assert.equal(trustBundle(second), trustBundle(same));
    assert.equal(second.trusted.length, 2);
    assert.equal(serial(second.signing), serial(first.signing));
    const settled = await open("rotate", late + settleMs);
    assert.equal(settled.trusted.length, 2);
    assert.notEqual(serial(settled.signing), serial(first.signing));
    const after = await open("rotate", now + ROOT_LIFE_MS + 1_000);
    assert.deepEqual(after.trusted.map(serial), [serial(settled.signing)]);
  });
});

describe("a SPIFFE ID", () => {
  it("has the form that policies of other meshes use", () => {
    assert.equal(spiffeId({ namespace: "demo", name: "web" }), "spiffe://cluster.local/ns/demo/sa/web");
  });
});
