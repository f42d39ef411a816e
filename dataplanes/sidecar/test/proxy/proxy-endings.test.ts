import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { eventually } from "@patchbay/testkit";
import { http2Client, startHttp2, whole } from "../support/http2.ts";
import { endpoint, startProxy } from "../support/proxies.ts";
import { exchangeRaw, startBytes } from "../support/wire.ts";

const GRPC = { ":method": "POST", ":path": "/a.B/Do", "content-type": "application/grpc", te: "trailers" };
/** Far below the 13 s after which a ping finds out. */
const AT_ONCE = { timeout: 9_000 };

/** A program whose connections a test can end. */
async function startEnding(settings = {}) {
  const sockets = new Set<Socket>();
  const app = await startHttp2((stream, headers) => {
    stream.respond({ ":status": 200, "content-type": headers["content-type"] ?? "text/plain" });
    stream.write("m");
    if (headers[":path"] === "/whole") stream.end();
  }, settings);
  app.server.on("connection", (socket: Socket) => sockets.add(socket));
  return { app, sockets };
}

describe("a response whose server goes", () => {
  it("by FIN ends at once, with UNAVAILABLE for gRPC", AT_ONCE, async () => {
    const { app, sockets } = await startEnding();
    await using _app = app;
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open(GRPC);
    const ended = whole(stream);
    await once(stream, "data");
    for (const socket of sockets) socket.end();
    const { trailers } = await ended;
    assert.equal(trailers["grpc-status"], "14");
    assert.equal(started.recorder.records[0]?.grpcStatus, 14);
  });

  it(
    "by RST, or killed, ends with UNAVAILABLE for gRPC and not with CANCELLED, which would be the client's own doing",
    AT_ONCE,
    async () => {
      const { app, sockets } = await startEnding();
      await using _app = app;
      await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
      using client = http2Client(started.proxy.outboundPort);
      const stream = client.open(GRPC);
      const ended = whole(stream);
      await once(stream, "data");
      for (const socket of sockets) socket.resetAndDestroy();
      assert.equal((await ended).trailers["grpc-status"], "14");
    },
  );

  it("over plain HTTP/2 is reset, so that nobody takes a part for the whole", AT_ONCE, async () => {
    const { app, sockets } = await startEnding();
    await using _app = app;
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({});
    const ended = whole(stream);
    await once(stream, "data");
    for (const socket of sockets) socket.end();
    assert.equal((await ended).code, 2);
  });

  it("with its status while the client still has its half open arrives with that status", async () => {
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "7" }));
      stream.end("m");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const { trailers, body } = await whole(client.open(GRPC));
    assert.deepEqual([trailers["grpc-status"], body], ["7", "m"]);
  });

  it("that resets the stream itself is passed on with its own code", async () => {
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write("m");
      stream.once("data", () => stream.close(11));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open(GRPC);
    const ended = whole(stream);
    await once(stream, "data");
    stream.write("more");
    assert.equal((await ended).code, 11);
  });

  it("between two calls costs the next one nothing", AT_ONCE, async () => {
    const { app, sockets } = await startEnding();
    await using _app = app;
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    assert.equal((await whole(client.open({ ":path": "/whole" }, { endStream: true }))).body, "m");
    const closed = Promise.all([...sockets].map((socket) => once(socket, "close")));
    for (const socket of sockets) socket.end();
    await closed;
    assert.equal((await whole(client.open({ ":path": "/whole" }, { endStream: true }))).body, "m");
  });

  it("is noticed when the client goes by FIN as well", AT_ONCE, async () => {
    let reset = false;
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.write("m");
      stream.once("close", () => {
        reset = true;
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({});
    await once(stream, "data");
    client.session.destroy();
    await eventually("the program's stream was closed", () => reset);
  });
});

describe("a call of gRPC without a status", () => {
  const stay = () => startHttp2((stream) => void stream.resume());

  it("that its client broke off after its deadline counts as DEADLINE_EXCEEDED, a failure", async () => {
    await using app = await stay();
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({ ...GRPC, "grpc-timeout": "1m" }, { endStream: true });
    await eventually("it is in flight", () => started.proxy.stats().active === 1);
    await new Promise((resolve) => setTimeout(resolve, 2));
    stream.close(8);
    await eventually("it is recorded", () => started.recorder.records.length === 1);
    assert.deepEqual([started.recorder.records[0]?.status, started.recorder.records[0]?.grpcStatus], [499, 4]);
  });

  it("that its client broke off before counts as CANCELLED, no failure", async () => {
    await using app = await stay();
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({ ...GRPC, "grpc-timeout": "1H" }, { endStream: true });
    await eventually("it is in flight", () => started.proxy.stats().active === 1);
    stream.close(8);
    await eventually("it is recorded", () => started.recorder.records.length === 1);
    assert.deepEqual([started.recorder.records[0]?.status, started.recorder.records[0]?.grpcStatus], [499, 1]);
  });
});

describe("a call that no program has seen", () => {
  it("goes elsewhere over gRPC too, although its messages have no announced length", async () => {
    let refused = 0;
    await using full = await startHttp2((stream) => {
      refused += 1;
      stream.close(7);
    });
    await using app = await startHttp2((stream) => {
      let body = "";
      stream.on("data", (chunk) => {
        body += String(chunk);
      });
      stream.once("end", () => {
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "x-body": body },
          { waitForTrailers: true },
        );
        stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end();
      });
    });
    const routes = { users: [endpoint(app.port, { protocol: "http2" }), endpoint(full.port, { protocol: "http2" })] };
    await using started = await startProxy({ routes });
    using client = http2Client(started.proxy.outboundPort);
    for (let i = 0; i < 2; i++) {
      const stream = client.open(GRPC);
      stream.end("message");
      const { headers, trailers } = await whole(stream);
      assert.deepEqual([trailers["grpc-status"], headers["x-body"]], ["0", "message"]);
    }
    assert.ok(refused > 0);
  });
});

describe("large fields", () => {
  it("of a client are answered with 431 over HTTP/2, and cost no endpoint its good name", async () => {
    await using app = await startHttp2((stream) => stream.respond({ ":status": 200 }, { endStream: true }));
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const { headers } = await whole(client.open({ "x-big": "a".repeat(17_000) }, { endStream: true }));
    assert.equal(headers[":status"], 431);
    assert.deepEqual(started.router.ended, []);
  });

  it("that a peer refuses by ENHANCE_YOUR_CALM are the client's, not retried and blamed on no endpoint", async () => {
    let calls = 0;
    await using app = await startHttp2((stream) => {
      calls += 1;
      stream.close(11);
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const { headers } = await whole(client.open({}, { endStream: true }));
    assert.deepEqual([headers[":status"], calls], [431, 1]);
    assert.deepEqual(
      started.router.ended.map(({ failed }) => failed),
      [undefined],
    );
  });

  it("of gRPC's error details arrive", async () => {
    const details = "d".repeat(40_000);
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.once("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": "3", "grpc-status-details-bin": details }),
      );
      stream.end("m");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const { trailers } = await whole(client.open(GRPC, { endStream: true }));
    assert.deepEqual([trailers["grpc-status"], String(trailers["grpc-status-details-bin"]).length], ["3", 40_000]);
  });
});

describe("announced trailers", () => {
  it("are announced to programs and clients over HTTP/2, some of which take no others", async () => {
    await using app = await startHttp2((stream, headers) => {
      stream.resume();
      stream.respond(
        { ":status": 200, trailer: "x-sum", "x-seen": String(headers["trailer"]) },
        { waitForTrailers: true },
      );
      stream.once("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
      stream.end("body");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({ ":method": "POST", trailer: "x-up" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "x-up": "1" }));
    stream.end("up");
    const { headers } = await whole(stream);
    assert.deepEqual([headers["x-seen"], headers["trailer"]], ["x-up", "x-sum"]);
  });
});

describe("an upgrade", () => {
  it("by POST has a length of 0 and no chunks, so that the next hop takes it", async () => {
    let head = "";
    await using app = await startBytes((socket) => {
      socket.on("data", (chunk) => {
        head += chunk.toString();
        if (head.endsWith("\r\n\r\n"))
          socket.end("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\nhello");
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const answer = await exchangeRaw(
      started.proxy.outboundPort,
      "POST http://users/x HTTP/1.1\r\nHost: users\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 101 .*hello$/s);
    assert.doesNotMatch(head, /transfer-encoding/i);
    await eventually("it is recorded", () => started.recorder.records.length === 1);
    assert.equal(started.recorder.records[0]?.status, 101);
  });

  it("that a server asks for by 426 says to which protocols, RFC 9110 §15.5.22", async () => {
    await using app = await startBytes((socket) => {
      socket.once("data", () =>
        socket.end(
          "HTTP/1.1 426 Upgrade Required\r\nUpgrade: tls/1.3\r\nConnection: Upgrade, close\r\nContent-Length: 0\r\n\r\n",
        ),
      );
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const answer = await exchangeRaw(
      started.proxy.outboundPort,
      "GET http://users/ HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /\r\nupgrade: tls\/1\.3\r\n/i);
    assert.match(answer, /\r\nconnection: upgrade/i);
  });
});
