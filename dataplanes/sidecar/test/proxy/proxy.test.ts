import assert from "node:assert/strict";
import { once } from "node:events";
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { describe, it } from "node:test";
import { closedPort, eventually } from "@patchbay/testkit";
import { endpoint, startProxy } from "../support/proxies.ts";
import { bodyOf, openRaw, startApp, startBytes } from "../support/wire.ts";

interface Answer {
  readonly message: IncomingMessage;
  readonly body: string;
}

/** A request as a program with http_proxy makes it: absolute form. */
async function get(
  port: number,
  url: string,
  options: RequestOptions & { readonly body?: string } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  const request = httpRequest({ host: "127.0.0.1", port, path: url, agent: false, ...rest });
  request.setHeader("host", new URL(url).host);
  request.end(body);
  const [message] = (await once(request, "response")) as [IncomingMessage];
  return { message, body: await bodyOf(message) };
}

describe("HTTP/1.1 through the proxy", () => {
  it("carries a request in absolute form to an endpoint, and counts it once", async () => {
    await using app = await startApp((request, response) =>
      response.end(`${request.method} ${request.url} ${request.headers.host}`),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const { message, body } = await get(started.proxy.outboundPort, "http://users:8080/a?b=c");
    assert.equal(message.statusCode, 200);
    assert.equal(body, "GET /a?b=c users:8080");
    const [record, ...more] = started.recorder.records;
    assert.equal(more.length, 0);
    assert.ok(record !== undefined && record.latencyMs > 0);
    assert.deepEqual(
      { ...record, latencyMs: 0 },
      {
        direction: "outbound",
        source: "caller",
        identity: "",
        peerAddress: "",
        backend: "",
        endpoint: `127.0.0.1:${app.port}`,
        error: "",
        policy: "",
        trace: undefined,
        target: "users",
        method: "GET",
        path: "/a?b=c",
        status: 200,
        grpcStatus: undefined,
        tls: false,
        latencyMs: 0,
        requestBytes: 0,
        responseBytes: body.length,
        attempts: 1,
        opaque: false,
      },
    );
    assert.equal(started.router.outstanding, 0);
  });

  it("carries a request in origin form, by its Host", async () => {
    await using app = await startApp((request, response) => response.end(request.url));
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET /origin HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n");
    assert.match(await raw.closed(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\/origin$/);
  });

  it("serves an HTTP/1.0 client with a body that ends with the connection", async () => {
    await using app = await startApp((_request, response) => {
      response.write("a");
      response.end("b");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.0\r\nHost: users\r\n\r\n");
    const text = await raw.closed();
    assert.doesNotMatch(text, /transfer-encoding/i);
    assert.match(text, /\r\n\r\nab$/);
  });

  it("keeps connections on both sides", async () => {
    const sockets = new Set<unknown>();
    await using app = await startApp((request, response) => {
      sockets.add(request.socket);
      response.end("ok");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    for (let i = 1; i <= 3; i += 1) {
      raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
      await raw.until((text) => text.split("HTTP/1.1 200").length === i + 1);
    }
    assert.equal(sockets.size, 1);
    raw.socket.destroy();
  });

  it("answers pipelined requests in their order", async () => {
    await using app = await startApp((request, response) => {
      setTimeout(() => response.end(request.url), request.url === "/slow" ? 30 : 0);
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET /slow HTTP/1.1\r\nHost: users\r\n\r\nGET /fast HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n");
    assert.match(await raw.closed(), /\/slow[\s\S]*\/fast$/);
  });

  it("carries small, large and chunked bodies whole", async () => {
    await using app = await startApp(async (request, response) => {
      const body = await bodyOf(request);
      response.end(`${body.length} ${request.headers["content-length"] ?? request.headers["transfer-encoding"]}`);
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const port = started.proxy.outboundPort;
    const post = (body: string, headers = {}): Promise<Answer> =>
      get(port, "http://users/", { method: "POST", body, headers });
    assert.equal((await post("hello", { "content-length": 5 })).body, "5 5");
    const large = "x".repeat(1_000_000);
    assert.equal((await post(large, { "content-length": large.length })).body, "1000000 1000000");
    assert.equal((await post(large, { "transfer-encoding": "chunked" })).body, "1000000 chunked");
    assert.deepEqual(
      started.recorder.records.map((record) => record.requestBytes),
      [5, 1_000_000, 1_000_000],
    );
  });

  it("passes the response's fields in order and spelling, several of one name included", async () => {
    await using app = await startBytes((socket) =>
      socket.once("data", () =>
        socket.end(
          "HTTP/1.1 299 Odd Reason\r\nSet-Cookie: a=1\r\nX-Case: 1\r\nSet-Cookie: b=2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok",
        ),
      ),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n");
    const text = await raw.closed();
    assert.match(
      text,
      /^HTTP\/1\.1 299 Odd Reason\r\nSet-Cookie: a=1\r\nX-Case: 1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n/,
    );
    assert.doesNotMatch(text, /X-Hop/);
  });

  it("passes trailers of requests and responses", async () => {
    await using app = await startApp(async (request, response) => {
      await bodyOf(request);
      response.writeHead(200, { "transfer-encoding": "chunked" });
      response.write("body");
      response.addTrailers({ "X-Sum": `got ${request.trailers["x-sent"]}` });
      response.end();
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(
      "POST / HTTP/1.1\r\nHost: users\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sent: yes\r\n\r\n",
    );
    assert.match(await raw.until((text) => text.includes("X-Sum")), /0\r\nX-Sum: got yes\r\n/);
    raw.socket.destroy();
  });

  it("forwards interim responses before the final one", async () => {
    await using app = await startBytes((socket) =>
      socket.once("data", () =>
        socket.write(
          "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
      ),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
    const text = await raw.until((seen) => seen.endsWith("ok"));
    assert.match(text, /^HTTP\/1\.1 103 \r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 OK/);
    raw.socket.destroy();
  });

  it("lets the program decide on Expect: 100-continue", async () => {
    await using app = await startApp((_request, response) => response.end());
    app.server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === "/no") return void response.writeHead(417).end();
      response.writeContinue();
      void bodyOf(request).then((body) => response.end(body));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const head = "Host: users\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    const yes = await openRaw(started.proxy.outboundPort);
    yes.send(`POST /yes HTTP/1.1\r\n${head}`);
    assert.match(await yes.until((text) => text.endsWith("\r\n\r\n")), /^HTTP\/1\.1 100 /);
    yes.send("body");
    assert.match(await yes.until((text) => text.includes("body")), /HTTP\/1\.1 200 OK/);
    yes.socket.destroy();
    const no = await openRaw(started.proxy.outboundPort);
    no.send(`POST /no HTTP/1.1\r\n${head}`);
    assert.match(await no.closed(), /^HTTP\/1\.1 417 [\s\S]*connection: close/i);
  });

  it("switches to WebSocket and carries bytes both ways", async () => {
    await using app = await startApp((_request, response) => response.end());
    app.server.on("upgrade", (request: IncomingMessage, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${request.headers.upgrade}\r\nSec-WebSocket-Accept: x\r\n\r\nfirst`,
      );
      socket.on("data", (chunk: Buffer) => socket.write(`<${chunk.toString()}>`));
      socket.on("end", () => socket.end("bye"));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(
      "GET /chat HTTP/1.1\r\nHost: users\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n",
    );
    assert.match(
      await raw.until((text) => text.includes("first")),
      /^HTTP\/1\.1 101 [\s\S]*upgrade: websocket\r\n[\s\S]*Sec-WebSocket-Accept: x/,
    );
    raw.send("ping");
    await raw.until((text) => text.endsWith("<ping>"));
    raw.socket.end();
    assert.match(await raw.closed(), /bye$/);
    await eventually("the connection is recorded", () => started.recorder.records.length === 1);
    const [record] = started.recorder.records;
    assert.deepEqual([record?.status, record?.requestBytes, record?.responseBytes], [101, 4, 14]);
    assert.equal(started.proxy.stats().active, 0);
  });

  it("passes a refused upgrade on as the response that it is", async () => {
    await using app = await startApp((_request, response) => response.writeHead(403).end("no"));
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET /chat HTTP/1.1\r\nHost: users\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert.match(await raw.closed(), /^HTTP\/1\.1 403 Forbidden[\s\S]*no/);
  });

  it("ignores an offer of h2c, which Java's client makes, and keeps the connection", async () => {
    await using app = await startApp((request, response) => response.end(request.headers["http2-settings"] ?? "plain"));
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(
      "GET / HTTP/1.1\r\nHost: users\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    assert.match(await raw.until((text) => text.includes("plain")), /^HTTP\/1\.1 200/);
    raw.socket.destroy();
  });

  it("delivers server-sent events as they come", async () => {
    const waiting: (() => void)[] = [];
    await using app = await startApp((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
      waiting.push(() => response.end("data: 2\n\n"));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
    assert.doesNotMatch(await raw.until((text) => text.includes("data: 1")), /data: 2/);
    waiting[0]?.();
    await raw.until((text) => text.includes("data: 2"));
    raw.socket.destroy();
  });

  it("carries OPTIONS for the server as a whole", async () => {
    await using app = await startApp((request, response) => response.end(`${request.method} ${request.url}`));
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("OPTIONS * HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n");
    assert.match(await raw.closed(), /OPTIONS \*$/);
  });

  it("does not send a body for HEAD, and keeps its length", async () => {
    await using app = await startApp((_request, response) => response.writeHead(200, { "content-length": 10 }).end());
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const { message, body } = await get(started.proxy.outboundPort, "http://users/", { method: "HEAD" });
    assert.deepEqual([message.headers["content-length"], body], ["10", ""]);
  });

  it("passes traceparent on, and nothing by which the client claims to be somebody", async () => {
    await using app = await startApp((request, response) => response.end(JSON.stringify(request.headers)));
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const headers = { traceparent: "00-abc", "x-forwarded-client-cert": "URI=spiffe://x", "l5d-client-id": "me" };
    const { body } = await get(started.proxy.outboundPort, "http://users/", { headers });
    assert.match(body, /"traceparent":"00-abc"/);
    assert.doesNotMatch(body, /client-cert|l5d/);
  });
});

describe("what goes wrong", () => {
  it("is told to the client in words, with a status and a code", async () => {
    const port = await closedPort();
    await using started = await startProxy({ routes: { users: [endpoint(port)], none: [] } });
    const refused = await get(started.proxy.outboundPort, "http://users/");
    assert.equal(refused.message.statusCode, 503);
    assert.equal(refused.message.headers["mesh-error"], "connect");
    assert.match(
      refused.body,
      /no response from users at 127\.0\.0\.1:\d+.*connection refused\. See who serves it: mesh endpoints users/,
    );
    const none = await get(started.proxy.outboundPort, "http://none/");
    assert.deepEqual([none.message.statusCode, none.body], [503, "nobody serves none at this moment\n"]);
    assert.deepEqual(
      started.recorder.records.map((record) => record.status),
      [503, 503],
    );
  });

  it("is what the route says when it refuses", async () => {
    const route = { kind: "refused", target: "users", status: 504, reason: "too late" } as const;
    await using started = await startProxy({ routes: { users: route } });
    const { message, body } = await get(started.proxy.outboundPort, "http://users/");
    assert.deepEqual([message.statusCode, body], [504, "too late\n"]);
  });

  it("goes to another endpoint when the first cannot be reached, POST included", async () => {
    const dead = await closedPort();
    await using app = await startApp(async (request, response) => response.end(await bodyOf(request)));
    await using started = await startProxy({ routes: { users: [endpoint(dead), endpoint(app.port)] } });
    for (const headers of [{ "content-length": "5" }, { "transfer-encoding": "chunked" }])
      for (let i = 0; i < 2; i += 1) {
        const answer = await get(started.proxy.outboundPort, "http://users/", {
          method: "POST",
          body: "hello",
          headers,
        });
        assert.equal(answer.body, "hello");
      }
    assert.ok(started.recorder.records.some((record) => record.attempts === 2));
    assert.ok(started.router.ended.some((ended) => ended.failed === true && ended.key.endsWith(`:${dead}`)));
    assert.equal(started.router.outstanding, 0);
  });

  it("stays within the budget for retries", async () => {
    const dead = await closedPort();
    await using app = await startApp((_request, response) => response.end("ok"));
    await using started = await startProxy({ routes: { users: [endpoint(dead), endpoint(app.port)] }, retries: 1 });
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 4; i += 1)
      statuses.push((await get(started.proxy.outboundPort, "http://users/")).message.statusCode);
    assert.deepEqual(
      statuses.toSorted((a = 0, b = 0) => a - b),
      [200, 200, 200, 503],
    );
  });

  it("repeats a GET that broke off before a response, but never a POST", async () => {
    let calls = 0;
    await using broken = await startBytes((socket) => {
      socket.once("data", () => {
        calls += 1;
        socket.destroy();
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(broken.port)] } });
    const got = await get(started.proxy.outboundPort, "http://users/");
    assert.deepEqual([got.message.statusCode, calls], [502, 3]);
    calls = 0;
    const posted = await get(started.proxy.outboundPort, "http://users/", {
      method: "POST",
      body: "x",
      headers: { "content-length": 1 },
    });
    assert.deepEqual([posted.message.statusCode, calls], [502, 1]);
  });

  it("repeats on a fresh connection when a kept one had closed meanwhile, and blames nobody", async () => {
    let connections = 0;
    await using app = await startBytes((socket) => {
      connections += 1;
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        if (requests === 1) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        else socket.destroy();
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] }, retries: 0 });
    const port = started.proxy.outboundPort;
    for (let i = 0; i < 3; i += 1) assert.equal((await get(port, "http://users/")).body, "ok");
    assert.equal(connections, 3);
    assert.ok(started.router.ended.every((ended) => ended.failed !== true));
  });

  it("is a broken response for the client when the program breaks off in its middle", async () => {
    const read = Promise.withResolvers<void>();
    await using app = await startBytes((socket) =>
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        void read.promise.then(() => socket.destroy());
      }),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
    await raw.until((text) => text.endsWith("half"));
    read.resolve();
    assert.match(await raw.closed(), /half$/);
    const [record] = started.recorder.records;
    assert.deepEqual([record?.status, record?.responseBytes], [0, 4]);
    assert.equal(started.router.ended[0]?.failed, true);
  });

  it("ends the attempt when the client goes away, and records that", async () => {
    let arrived = false;
    let aborted = false;
    await using app = await startApp((request) => {
      arrived = true;
      request.once("close", () => {
        aborted = true;
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
    await eventually("the attempt is on its way", () => arrived);
    raw.socket.destroy();
    await eventually("the program hears of it", () => aborted);
    assert.deepEqual(
      started.recorder.records.map((record) => record.status),
      [499],
    );
    assert.deepEqual(
      started.router.ended.map((ended) => ended.failed),
      [undefined],
    );
    assert.equal(started.proxy.stats().active, 0);
  });

  it("never turns an upload that broke off into a whole one", async () => {
    const ends: string[] = [];
    let arrived = false;
    await using app = await startApp((request) => {
      request.on("data", () => (arrived = true));
      request.once("end", () => ends.push("complete"));
      request.once("close", () => ends.push(request.complete ? "closed" : "broken"));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("POST / HTTP/1.1\r\nHost: users\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await eventually("the upload is on its way", () => arrived);
    raw.socket.destroy();
    await eventually("the program hears of it", () => ends.length > 0);
    assert.deepEqual(ends, ["broken"]);
  });

  it("is a request that comes round again: 508", async () => {
    await using first = await startProxy();
    const self = `http://127.0.0.1:${first.proxy.outboundPort}/`;
    const direct = await get(first.proxy.outboundPort, self);
    assert.equal(direct.message.statusCode, 508);
    await using second = await startProxy({ routes: { round: [endpoint(first.proxy.outboundPort)] } });
    first.router.table.set("round", [endpoint(second.proxy.outboundPort)]);
    const loop = await get(first.proxy.outboundPort, "http://round/");
    assert.equal(loop.message.statusCode, 508);
    assert.match(loop.body, /came round/);
  });
});

describe("limits", () => {
  it("hold a client that does not read: the program is held back and memory stays", async () => {
    let written = 0;
    const chunk = Buffer.alloc(65_536, 1);
    await using app = await startApp((_request, response) => {
      const fill = (): void => {
        while (written < 200 * chunk.length) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", fill);
        }
        response.end();
      };
      fill();
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] }, limits: { stallMs: 300 } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.socket.pause();
    raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
    await eventually("the client is given up", () => started.proxy.stats().slow === 1);
    assert.ok(written < 150 * chunk.length, `${written} bytes were taken from the program`);
    raw.socket.destroy();
  });

  it("give up a client that does not send the body it has announced", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] }, limits: { bodyIdleMs: 100 } });
    for (const framing of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
      const raw = await openRaw(started.proxy.outboundPort);
      raw.send(`POST / HTTP/1.1\r\nHost: users\r\n${framing}\r\n\r\n`);
      const text = await raw.closed();
      if (framing.startsWith("Content")) assert.match(text, /^HTTP\/1\.1 408 /);
    }
  });

  it("bound the time for a response where that is wanted", async () => {
    await using app = await startApp(() => undefined);
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] }, limits: { responseMs: 100 } });
    const { message, body } = await get(started.proxy.outboundPort, "http://users/");
    assert.equal(message.statusCode, 504);
    assert.match(body, /none within 100 ms/);
    assert.equal(started.router.ended[0]?.failed, true);
  });

  it("bound the connections to one endpoint: the rest hears so at once", async () => {
    const held: (() => void)[] = [];
    await using app = await startApp((_request, response) => void held.push(() => response.end("ok")));
    await using started = await startProxy({
      routes: { users: [endpoint(app.port)] },
      limits: { maxConnectionsPerEndpoint: 1 },
    });
    const port = started.proxy.outboundPort;
    const first = get(port, "http://users/");
    await eventually("the first occupies the connection", () => held.length === 1);
    const second = await get(port, "http://users/");
    assert.deepEqual([second.message.statusCode, second.message.headers["mesh-error"]], [503, "overload"]);
    held[0]?.();
    assert.equal((await first).body, "ok");
  });

  it("bound the connections of a listener: more are closed", async () => {
    await using started = await startProxy({ limits: { maxConnections: 1 } });
    const first = await openRaw(started.proxy.outboundPort);
    const second = await openRaw(started.proxy.outboundPort);
    await second.closed();
    assert.equal(started.proxy.stats().dropped, 1);
    first.socket.destroy();
  });
});

describe("draining", () => {
  it("lets what is in flight end, says close, and accepts nothing more", async () => {
    const held: (() => void)[] = [];
    await using app = await startApp((_request, response) => void held.push(() => response.end("done")));
    await using started = await startProxy({
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
    });
    const port = started.proxy.inboundPort;
    const agent = new Agent({ keepAlive: true });
    const answer = get(port, "http://users/", { path: "/", agent });
    await eventually("the request is in flight", () => held.length === 1);
    const drained = started.proxy.drainInbound(5_000);
    const late = httpRequest({ host: "127.0.0.1", port, agent: false });
    const [refused] = (await once(late.end(), "error")) as [NodeJS.ErrnoException];
    assert.equal(refused.code, "ECONNREFUSED");
    held[0]?.();
    const { message, body } = await answer;
    assert.deepEqual([body, message.headers.connection], ["done", "close"]);
    assert.equal(await drained, 0);
    agent.destroy();
  });

  it("cuts what is not done in time, and says how much", async () => {
    await using app = await startApp((_request, response) => void response.write("never ends"));
    await using started = await startProxy({
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
    });
    const raw = await openRaw(started.proxy.inboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\n\r\n");
    await raw.until((text) => text.includes("never ends"));
    assert.equal(await started.proxy.drain(100), 1);
    await raw.closed();
    assert.equal(started.recorder.records.length, 1);
  });

  it("of the inbound side leaves what the program calls alone", async () => {
    await using app = await startApp((_request, response) => response.end("ok"));
    await using started = await startProxy({
      routes: { users: [endpoint(app.port)] },
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
    });
    await started.proxy.drainInbound(100);
    assert.equal((await get(started.proxy.outboundPort, "http://users/")).body, "ok");
  });
});

describe("starting", () => {
  it("refuses an outbound port that others could reach", async () => {
    await assert.rejects(startProxy({ outbound: { host: "0.0.0.0", port: 0 } }), /must be on loopback/);
  });

  it("says which port cannot be had, and leaves none open", async () => {
    await using taken = await startBytes(() => undefined);
    const listens = [{ port: taken.port, authority: "users" }];
    await assert.rejects(startProxy({ listens }), new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken.port}`));
  });
});
