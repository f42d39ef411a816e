import assert from "node:assert/strict";
import { test } from "node:test";
import { closedPort } from "@patchbay/testkit";
import { DEFAULT_LIMITS } from "../../src/proxy/listeners/limits.ts";
import { isCertificateRefused } from "../../src/proxy/upstream/connect-errors.ts";
import { endpoint, startProxy } from "../support/proxies.ts";
import { bodyOf, startApp, startBytes } from "../support/wire.ts";

const limits = { ...DEFAULT_LIMITS, maxAttempts: 1 };

async function post(port: number): Promise<number> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const call = request({
      host: "127.0.0.1",
      port,
      path: "http://users/",
      method: "POST",
      headers: { host: "users" },
    });
    call.once("error", reject).once("response", (response) => {
      response.resume().once("close", () => resolve(response.statusCode ?? 0));
    });
    call.end("hello");
  });
}

test("without retries a request still goes where it can, when nothing was sent where it could not", async () => {
  const dead = await closedPort();
  await using app = await startApp(async (request, response) => response.end(await bodyOf(request)));
  await using started = await startProxy({ routes: { users: [endpoint(dead), endpoint(app.port)] }, limits });
  for (let i = 0; i < 4; i += 1) assert.equal(await post(started.proxy.outboundPort), 200);
  assert.ok(started.router.ended.some(({ failed }) => failed === true));
});

test("without retries a request that may have been seen is not sent again", async () => {
  let calls = 0;
  await using broken = await startBytes((socket) => {
    socket.once("data", () => {
      calls += 1;
      socket.destroy();
    });
  });
  await using started = await startProxy({ routes: { users: [endpoint(broken.port)] }, limits });
  assert.deepEqual([await post(started.proxy.outboundPort), calls], [502, 1]);
});

test("a service whose endpoints are all gone is given up after three of them", async () => {
  const dead = await Promise.all([1, 2, 3, 4, 5].map(closedPort));
  await using started = await startProxy({ routes: { users: dead.map((port) => endpoint(port)) } });
  assert.equal(await post(started.proxy.outboundPort), 503);
  assert.equal(started.recorder.records[0]?.attempts, 3);
});

test("of all errors of TLS only those by which a peer refuses a certificate prove that it has read no request", () => {
  const refused = (code: string) => isCertificateRefused(Object.assign(new Error(code), { code }));
  for (const code of [
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
  ])
    assert.ok(refused(code), code);
  for (const code of [
    "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    "ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC",
    "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR",
    "ECONNRESET",
  ])
    assert.ok(!refused(code), code);
});
