import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { describe, it } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { WorkloadCertificate } from "@patchbay/dataplane-client";
import { closedPort, eventually, listen } from "@patchbay/testkit";
import { createAuthority, identityOf, spiffe } from "../support/certificates.ts";
import { endpoint, type StartedProxy, type StartOptions, startProxy } from "../support/proxies.ts";
import { bodyOf, exchangeRaw, openRaw, startApp, startBytes } from "../support/wire.ts";

const authority = createAuthority();

/** The sidecar of the program on `port`. */
function serve(name: string, port: number, options: StartOptions = {}): Promise<StartedProxy> {
  return startProxy({
    self: { service: name, namespace: "default" },
    inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port } },
    identity: identityOf(authority.issue(name)),
    ...options,
  });
}

/** The sidecar of a program that calls the others. */
function call(routes: Record<string, StartedProxy>, options: StartOptions = {}): Promise<StartedProxy> {
  const entries = Object.entries(routes).map(
    ([name, { proxy }]) => [name, [endpoint(proxy.inboundPort, { identity: spiffe(name) })]] as const,
  );
  return startProxy({
    identity: identityOf(authority.issue("caller")),
    routes: Object.fromEntries(entries),
    ...options,
  });
}

async function get(port: number, url: string, body?: string): Promise<{ message: IncomingMessage; body: string }> {
  const request = httpRequest({
    host: "127.0.0.1",
    port,
    path: url,
    agent: false,
    method: body === undefined ? "GET" : "POST",
  });
  request.setHeader("host", "users");
  if (body !== undefined) request.setHeader("content-length", body.length);
  request.end(body);
  const [message] = (await once(request, "response")) as [IncomingMessage];
  return { message, body: await bodyOf(message) };
}

describe("between two sidecars", () => {
  it("HTTP/1.1 goes over mutual TLS, and the source is the name that the certificate proves", async () => {
    await using app = await startApp((request, response) =>
      response.end(`${request.url} ${String(request.headers["x-forwarded-client-cert"])}`),
    );
    await using users = await serve("users", app.port);
    await using caller = await call({ users });
    const request = httpRequest({ host: "127.0.0.1", port: caller.proxy.outboundPort, path: "http://users/a" });
    request.setHeader("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/default/sa/admin").end();
    const [message] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(await bodyOf(message), "/a undefined");
    const [out] = caller.recorder.records;
    const [into] = users.recorder.records;
    assert.deepEqual([out?.direction, out?.source, out?.target, out?.tls], ["outbound", "caller", "users", true]);
    assert.deepEqual([into?.direction, into?.source, into?.target, into?.tls], ["inbound", "caller", "users", true]);
  });

  it("HTTP/2 stays HTTP/2 to the program", async () => {
    const server = createHttp2Server();
    server.on("stream", (stream, headers) => {
      stream.respond({ ":status": 200, "x-path": String(headers[":path"]) });
      stream.end("h2");
    });
    const port = await listen(server);
    await using users = await serve("users", port);
    await using caller = await call({ users });
    const session = connectHttp2(`http://127.0.0.1:${caller.proxy.outboundPort}`);
    const stream = session.request({ ":path": "/a", ":authority": "users" });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    assert.deepEqual([headers[":status"], headers["x-path"]], [200, "/a"]);
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, "h2");
    assert.deepEqual(
      users.recorder.records.map((record) => [record.source, record.tls]),
      [["caller", true]],
    );
    session.destroy();
    server.close();
  });

  it("opaque bytes reach the program, by a local port or a tunnel, each recorded once on both sides", async () => {
    await using echo = await startBytes((socket) => void socket.pipe(socket));
    await using store = await serve("store", echo.port);
    await using caller = await call({ store }, { listens: [{ port: 0, authority: "store:5432", opaque: true }] });
    const [local = 0] = caller.proxy.listenPorts;
    const direct = await openRaw(local);
    direct.send("\x00hello");
    await direct.until((text) => text === "\x00hello");
    assert.deepEqual(caller.recorder.open, [{ direction: "outbound", source: "caller", target: "store", tls: true }]);
    direct.socket.end();
    await direct.closed();
    const tunnel = await openRaw(caller.proxy.outboundPort);
    tunnel.send("CONNECT store:5432 HTTP/1.1\r\nHost: store:5432\r\n\r\n");
    await tunnel.until((text) => text.includes("\r\n\r\n"));
    tunnel.send("\x16\x03\x01 looks like TLS");
    assert.match(await tunnel.until((text) => text.endsWith("TLS")), /^HTTP\/1\.1 200 [\s\S]*looks like TLS$/);
    tunnel.socket.end();
    await tunnel.closed();
    await eventually(
      "all are recorded",
      () => caller.recorder.records.length === 2 && store.recorder.records.length === 2,
    );
    const [record] = store.recorder.records;
    assert.deepEqual(
      [record?.opaque, record?.source, record?.status, record?.requestBytes, record?.responseBytes],
      [true, "caller", 0, 6, 6],
    );
  });

  it("a server that speaks first is heard after a moment", async () => {
    await using mail = await startBytes((socket) => socket.write("220 hello\r\n"));
    await using smtp = await serve("mail", mail.port, { limits: { detectMs: 50 } });
    await using caller = await call({ mail: smtp }, { limits: { detectMs: 50 } });
    const tunnel = await openRaw(caller.proxy.outboundPort);
    tunnel.send("CONNECT mail:25 HTTP/1.1\r\nHost: mail:25\r\n\r\n");
    await tunnel.until((text) => text.endsWith("220 hello\r\n"));
    tunnel.socket.destroy();
  });

  it("connections go on when a certificate is replaced, and new ones use the new one", async () => {
    await using app = await startApp((_request, response) => response.end("ok"));
    const identity = identityOf(authority.issue("users"));
    await using users = await serve("users", app.port, { identity });
    await using caller = await call({ users });
    assert.equal((await get(caller.proxy.outboundPort, "http://users/")).body, "ok");
    identity.use(authority.issue("users"));
    assert.equal((await get(caller.proxy.outboundPort, "http://users/")).body, "ok");
    await using other = await call({ users });
    assert.equal((await get(other.proxy.outboundPort, "http://users/")).body, "ok");
  });
});

describe("without proof", () => {
  it("a peer that proves another name than expected gets nothing, and the client hears which", async () => {
    let seen = 0;
    await using app = await startApp((_request, response) => {
      seen += 1;
      response.end();
    });
    await using impostor = await serve("impostor", app.port);
    const routes = { users: [endpoint(impostor.proxy.inboundPort, { identity: spiffe("users") })] };
    await using caller = await startProxy({ identity: identityOf(authority.issue("caller")), routes });
    const { message, body } = await get(caller.proxy.outboundPort, "http://users/", "secret");
    assert.equal(message.statusCode, 503);
    assert.match(
      body,
      /the peer proved to be spiffe:\/\/cluster\.local\/ns\/default\/sa\/impostor, expected .*\/users/,
    );
    assert.equal(seen, 0);
  });

  it("a peer of another authority is not trusted, in either direction", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using users = await serve("users", app.port);
    const stranger: WorkloadCertificate = createAuthority().issue("caller");
    await using caller = await call({ users }, { identity: identityOf(stranger) });
    assert.equal((await get(caller.proxy.outboundPort, "http://users/")).message.statusCode, 503);
    // Trusts us, but we do not trust what it shows.
    const half = { ...stranger, trustBundle: authority.issue("x").trustBundle };
    await using other = await call({ users }, { identity: identityOf(half) });
    // With TLS 1.3 it hears of that only after it has sent its request, which nobody has read.
    assert.equal((await get(other.proxy.outboundPort, "http://users/")).message.statusCode, 502);
    assert.ok(users.proxy.stats().tlsFailed >= 1);
    assert.equal(users.recorder.records.length, 0);
  });

  it("TLS without a certificate, or with two names in it, is refused", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using users = await serve("users", app.port);
    const two = authority.issue("caller", { uris: [spiffe("caller"), spiffe("admin")] });
    for (const credentials of [{}, { cert: two.certificateChain, key: two.privateKey }]) {
      const socket: TLSSocket = connectTls({
        port: users.proxy.inboundPort,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ALPNProtocols: ["http/1.1"],
        ...credentials,
      });
      socket.on("error", () => socket.destroy());
      socket.write("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
      await new Promise((resolve) => socket.once("close", resolve));
    }
    assert.equal(users.proxy.stats().tlsFailed, 2);
    assert.equal(users.recorder.records.length, 0);
  });

  it("plain text is served, and its source is unknown whatever it claims", async () => {
    await using app = await startApp((request, response) => response.end(String(request.headers["mesh-source"])));
    await using users = await serve("users", app.port);
    const text = await exchangeRaw(
      users.proxy.inboundPort,
      "GET / HTTP/1.1\r\nHost: users\r\nMesh-Source: admin\r\nConnection: close\r\n\r\n",
    );
    assert.match(text, /undefined$/);
    assert.deepEqual(
      users.recorder.records.map((record) => [record.source, record.tls]),
      [["unknown", false]],
    );
  });

  it("nothing is sent while there is no certificate of our own", async () => {
    await using app = await startApp((_request, response) => response.end("ok"));
    await using users = await serve("users", app.port);
    const identity = identityOf();
    await using caller = await call({ users }, { identity });
    assert.equal((await get(caller.proxy.outboundPort, "http://users/")).message.statusCode, 503);
    identity.use(authority.issue("caller"));
    assert.equal((await get(caller.proxy.outboundPort, "http://users/")).body, "ok");
  });
});

describe("a program that does not answer", () => {
  it("is told to the caller's sidecar, which tries another one whatever the method", async () => {
    const dead = await closedPort();
    await using app = await startApp(async (request, response) => response.end(await bodyOf(request)));
    await using gone = await serve("users", dead);
    await using alive = await serve("users", app.port);
    const identity = spiffe("users");
    const endpoints = [endpoint(gone.proxy.inboundPort, { identity }), endpoint(alive.proxy.inboundPort, { identity })];
    await using caller = await startProxy({
      identity: identityOf(authority.issue("caller")),
      routes: { users: endpoints },
    });
    for (let i = 0; i < 4; i += 1)
      assert.equal((await get(caller.proxy.outboundPort, "http://users/", "hello")).body, "hello");
    assert.ok(gone.recorder.records.length > 0);
    assert.ok(gone.recorder.records.every((record) => record.status === 503));
    assert.ok(caller.recorder.records.every((record) => record.status === 200));
  });

  it("is told to a client without proof in words, but not as something to act on", async () => {
    await using gone = await serve("users", await closedPort());
    const text = await exchangeRaw(
      gone.proxy.inboundPort,
      "POST / HTTP/1.1\r\nHost: users\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert.match(text, /^HTTP\/1\.1 503 [\s\S]*The program behind this sidecar should listen on 127\.0\.0\.1:\d+/);
    assert.doesNotMatch(text, /mesh-unprocessed/);
  });
});
