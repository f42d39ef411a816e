import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { afterEach, describe, test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { Identity } from "@patchbay/proto/mesh/identity/v1/identity_pb";
import { eventually } from "@patchbay/testkit";
import { noLog, systemClock } from "@patchbay/wire";
import { type CertificateClient, type CertificateClientOptions, createCertificateClient } from "../src/certificates.ts";
import { certificateRequest, certificateRequestInfo } from "../src/core/certificate-request.ts";
import { proxyTransport, serveCore } from "./support/core-server.ts";

/** The parts of a certificate request: what is signed, the key in it, the signature. */
function parts(request: Uint8Array): { info: Uint8Array; publicKey: Uint8Array; signature: Uint8Array } {
  const outer = children(request);
  const info = outer[0] ?? new Uint8Array();
  return {
    info,
    publicKey: children(info)[2] ?? new Uint8Array(),
    signature: content(outer[2] ?? new Uint8Array()).slice(1),
  };
}

function header(der: Uint8Array): { start: number; end: number } {
  const first = der[1] ?? 0;
  const extra = first < 0x80 ? 0 : first & 0x7f;
  let length = first < 0x80 ? first : 0;
  for (let i = 0; i < extra; i += 1) length = length * 256 + (der[2 + i] ?? 0);
  return { start: 2 + extra, end: 2 + extra + length };
}

function content(der: Uint8Array): Uint8Array {
  const { start, end } = header(der);
  return der.slice(start, end);
}

function children(der: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let rest = content(der); rest.length > 0; ) {
    const { end } = header(rest);
    found.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return found;
}

describe("certificate request", () => {
  test("lengths above 127 bytes are encoded", () => {
    const info = certificateRequestInfo({
      publicKey: Uint8Array.of(0x30, 0x82, 0x01, 0x2c, ...new Uint8Array(300)),
      commonName: "x".repeat(80),
    });
    assert.equal(header(info).end, info.length);
    assert.equal(children(info).length, 4);
    assert.equal(children(certificateRequest(info, new Uint8Array(70))).length, 3);
  });
});

describe("the certificate client", () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function start(
    sign: (request: Uint8Array, count: number) => { lifeMs: number },
    clock: Pick<CertificateClientOptions, "clock" | "lookMs"> = {},
  ): Promise<{ client: CertificateClient; requests: Uint8Array[] }> {
    const requests: Uint8Array[] = [];
    const server = await serveCore((router) =>
      router.service(Identity, {
        sign({ certificateRequest: request }) {
          requests.push(request);
          const { lifeMs } = sign(request, requests.length);
          const notAfter = timestampFromMs(Date.now() + lifeMs * 2);
          const renewAt = timestampFromMs(Date.now() + lifeMs);
          const certificateChain = `certificate ${requests.length}`;
          return {
            certificateChain,
            trustBundle: "bundle",
            spiffeId: "spiffe://cluster.local/ns/default/sa/web",
            notAfter,
            renewAt,
          };
        },
        getTrustBundle: () => ({}),
      }),
    );
    const transport = proxyTransport(server.address);
    const client = createCertificateClient({ identity: transport, name: "web", log: noLog, ...clock });
    cleanups.push(
      () => server.stop(),
      () => transport.close(),
      () => client.stop(),
    );
    return { client, requests };
  }

  test("asks with a request that is signed by the key in it, and keeps the private key to itself", async () => {
    const { client, requests } = await start(() => ({ lifeMs: 60_000 }));
    await client.ready();
    const { info, publicKey, signature } = parts(requests[0] ?? new Uint8Array());
    const key = createPublicKey({ key: Buffer.from(publicKey), type: "spki", format: "der" });
    assert.ok(verify("sha256", info, { key, dsaEncoding: "der" }, signature));
    const held = client.current();
    assert.equal(held?.spiffeId, "spiffe://cluster.local/ns/default/sa/web");
    assert.equal(
      createPublicKey(held?.privateKey ?? "").export({ type: "spki", format: "pem" }),
      key.export({ type: "spki", format: "pem" }),
    );
    assert.ok(!Buffer.from(requests[0] ?? []).includes(Buffer.from(held?.privateKey.slice(30, 60) ?? "?")));
  });

  test("renews with a new key when it is time, and tells listeners", async () => {
    const { client, requests } = await start((_, count) => ({ lifeMs: count === 1 ? 1 : 60_000 }));
    const heard: string[] = [];
    client.onChange((identity) => heard.push(identity.certificateChain));
    await eventually("it renewed", () => heard.length === 2);
    assert.deepEqual(heard, ["certificate 1", "certificate 2"]);
    assert.notDeepEqual(
      parts(requests[0] ?? new Uint8Array()).publicKey,
      parts(requests[1] ?? new Uint8Array()).publicKey,
    );
  });

  test("renews soon after a sleep in which it became time, although no timer has counted it", async () => {
    let slept = 0;
    const { client, requests } = await start(() => ({ lifeMs: 600_000 }), {
      clock: { ...systemClock, now: () => Date.now() + slept },
      lookMs: 20,
    });
    await client.ready();
    assert.equal(requests.length, 1);
    slept = 3_600_000;
    await eventually("it renewed", () => client.current()?.certificateChain === "certificate 2");
  });

  test("asks again for as long as the authority is away, and keeps what it has", async () => {
    const { client } = await start((_, count) => {
      if (count < 4) throw new ConnectError("not now", Code.Unavailable);
      return { lifeMs: 60_000 };
    });
    assert.equal(client.current(), undefined);
    await client.ready();
    assert.equal(client.current()?.certificateChain, "certificate 4");
  });
});
