import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { closedPort, eventually, listen } from "@patchbay/testkit";
import { endpoint, startProxy } from "../support/proxies.ts";
import { bodyOf, openRaw, startApp, startBytes } from "../support/wire.ts";

async function get(port: number, url: string): Promise<{ status: number | undefined; body: string }> {
  const request = httpRequest({ host: "127.0.0.1", port, path: url, agent: false });
  request.setHeader("host", new URL(url).host);
  request.end();
  const [message] = (await once(request, "response")) as [IncomingMessage];
  return { status: message.statusCode, body: await bodyOf(message) };
}

/** A forward proxy as companies run them: absolute form and CONNECT. */
async function startForwardProxy(): Promise<AsyncDisposable & { readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
    response.end("by proxy");
  });
  server.on("connect", (request, socket, first) => {
    asked.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
    if (request.url?.startsWith("denied") === true) return void socket.end("HTTP/1.1 407 No\r\n\r\n");
    const upstream = connect(Number(request.url?.split(":")[1]), "127.0.0.1");
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    upstream.write(first);
    upstream.pipe(socket).pipe(upstream);
    for (const end of [upstream, socket]) end.on("error", () => undefined);
  });
  const port = await listen(server);
  return {
    port,
    asked,
    [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      return Promise.resolve();
    },
  };
}

describe("out of the mesh", () => {
  it("plain HTTP goes by DNS, as HTTP/1.1, and is counted as egress", async () => {
    await using app = await startApp((request, response) => response.end(`${request.url} ${request.headers.host}`));
    await using started = await startProxy();
    const host = `localhost:${app.port}`;
    assert.deepEqual(await get(started.proxy.outboundPort, `http://${host}/a`), { status: 200, body: `/a ${host}` });
    assert.deepEqual(
      started.recorder.records.map((record) => [record.target, record.status]),
      [["egress", 200]],
    );
  });

  it("a tunnel carries bytes, and is counted as one connection", async () => {
    await using echo = await startBytes((socket) => void socket.pipe(socket));
    await using started = await startProxy();
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await raw.until((text) => text.includes("\r\n\r\n"));
    raw.send("\x16\x03\x01hello");
    await raw.until((text) => text.endsWith("hello"));
    raw.socket.end();
    await raw.closed();
    await eventually("it is recorded", () => started.recorder.records.length === 1);
    const [record] = started.recorder.records;
    assert.deepEqual([record?.target, record?.opaque, record?.requestBytes, record?.status], ["egress", true, 8, 0]);
  });

  it("plain HTTP within a tunnel, as Node's fetch has it, is counted request by request", async () => {
    await using app = await startApp((request, response) => response.end(request.url));
    await using started = await startProxy();
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(`CONNECT localhost:${app.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await raw.until((text) => text.includes("\r\n\r\n"));
    raw.send(`GET /a HTTP/1.1\r\nHost: localhost:${app.port}\r\nConnection: close\r\n\r\n`);
    assert.match(await raw.closed(), /\/a$/);
    assert.deepEqual(
      started.recorder.records.map((record) => [record.target, record.path]),
      [["egress", "/a"]],
    );
  });

  it("a tunnel that cannot be made says why instead of 200", async () => {
    await using started = await startProxy({
      routes: { broken: { kind: "refused", target: "broken", status: 503, reason: "for a reason" } },
    });
    const port = await closedPort();
    const cases: readonly (readonly [string, RegExp])[] = [
      [`localhost:${port}`, /^HTTP\/1\.1 502 [\s\S]*connection refused/],
      ["169.254.169.254:80", /^HTTP\/1\.1 403 [\s\S]*metadata/],
      ["[fd00:ec2::254]:80", /^HTTP\/1\.1 403 /],
      [`127.0.0.1:${started.proxy.outboundPort}`, /^HTTP\/1\.1 508 /],
      ["broken:80", /^HTTP\/1\.1 503 [\s\S]*for a reason/],
      ["no port", /^HTTP\/1\.1 400 /],
      ["users", /^HTTP\/1\.1 400 [\s\S]*host and port/],
    ];
    for (const [target, expected] of cases) {
      const raw = await openRaw(started.proxy.outboundPort);
      raw.send(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.match(await raw.closed(), expected, target);
    }
  });

  it("metadata, link-local and special addresses are refused, by literal and after DNS", async () => {
    await using started = await startProxy();
    for (const host of ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "[::ffff:169.254.169.254]"])
      assert.equal((await get(started.proxy.outboundPort, `http://${host}/`)).status, 403, host);
    assert.ok(started.recorder.records.every((record) => record.status === 403));
  });

  it("a name that DNS does not know is told as that", async () => {
    await using started = await startProxy();
    const { status, body } = await get(started.proxy.outboundPort, "http://no-such-host.invalid/");
    assert.equal(status, 503);
    assert.match(body, /DNS (does not know the name|does not answer)/);
  });

  it("a local port may lead out of the mesh too", async () => {
    await using echo = await startBytes((socket) => void socket.pipe(socket));
    await using started = await startProxy({ listens: [{ port: 0, authority: `localhost:${echo.port}` }] });
    const [port = 0] = started.proxy.listenPorts;
    const raw = await openRaw(port);
    raw.send("\x00bytes");
    await raw.until((text) => text === "\x00bytes");
    raw.socket.destroy();
  });
});

describe("a forward proxy of the environment", () => {
  it("carries plain requests and tunnels that leave the mesh, with its credentials", async () => {
    await using corporate = await startForwardProxy();
    await using echo = await startBytes((socket) => void socket.pipe(socket));
    const proxy = `http://me:secret@127.0.0.1:${corporate.port}`;
    await using started = await startProxy({ environment: { http_proxy: proxy, https_proxy: proxy } });
    const credentials = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    assert.equal((await get(started.proxy.outboundPort, "http://example.test/a?b")).body, "by proxy");
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(`CONNECT example.test:${echo.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await raw.until((text) => text.includes("\r\n\r\n"));
    raw.send("\x00hi");
    await raw.until((text) => text.endsWith("\x00hi"));
    raw.socket.destroy();
    assert.deepEqual(corporate.asked, [
      `GET http://example.test/a?b ${credentials}`,
      `CONNECT example.test:${echo.port} ${credentials}`,
    ]);
  });

  it("is not used for what is in the mesh, nor for what no_proxy names", async () => {
    await using corporate = await startForwardProxy();
    await using app = await startApp((_request, response) => response.end("direct"));
    const environment = { HTTP_PROXY: `http://127.0.0.1:${corporate.port}`, NO_PROXY: "127.0.0.0/8" };
    await using started = await startProxy({ environment, routes: { users: [endpoint(app.port)] } });
    for (const url of ["http://users/", `http://127.0.0.1:${app.port}/`])
      assert.equal((await get(started.proxy.outboundPort, url)).body, "direct");
    assert.deepEqual(corporate.asked, []);
  });

  it("is not asked for metadata, and its refusal is told", async () => {
    await using corporate = await startForwardProxy();
    const proxy = `http://127.0.0.1:${corporate.port}`;
    await using started = await startProxy({ environment: { http_proxy: proxy, https_proxy: proxy } });
    for (const host of ["metadata.google.internal", "169.254.169.254"])
      assert.equal((await get(started.proxy.outboundPort, `http://${host}/`)).status, 403, host);
    for (const host of ["169.254.43518", "0xa9.0xfe.0xa9.0xfe"])
      assert.equal((await get(started.proxy.outboundPort, `http://${host}/`)).status, 400, host);
    assert.deepEqual(corporate.asked, []);
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("CONNECT denied.test:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(await raw.closed(), /^HTTP\/1\.1 502 [\s\S]*forward proxy 127\.0\.0\.1 answered 407/);
  });
});
