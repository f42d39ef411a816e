import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { describe, it } from "node:test";
import { closedPort, eventually } from "@patchbay/testkit";
import { http2Client, startHttp2, whole } from "../support/http2.ts";
import { endpoint, startProxy } from "../support/proxies.ts";
import { bodyOf, openRaw, startApp, startBytes } from "../support/wire.ts";

describe("HTTP/2 through the proxy", () => {
  it("carries fields, bodies and trailers both ways", async () => {
    await using app = await startHttp2((stream, headers) => {
      let sent = {};
      stream.once("trailers", (fields) => {
        sent = fields;
      });
      let body = "";
      stream.on("data", (chunk) => {
        body += String(chunk);
      });
      stream.once("end", () => {
        stream.respond({ ":status": 201, "x-a": ["1", "2"], "x-te": String(headers.te) }, { waitForTrailers: true });
        stream.once("wantTrailers", () => stream.sendTrailers({ "x-sum": JSON.stringify(sent) }));
        stream.end(`${headers[":method"]} ${headers[":authority"]} ${body}`);
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.session.request(
      { ":method": "POST", ":path": "/", ":authority": "users:80", te: "trailers" },
      { waitForTrailers: true },
    );
    stream.once("wantTrailers", () => stream.sendTrailers({ "x-sent": "yes" }));
    stream.end("body");
    const answer = await whole(stream);
    assert.equal(answer.headers[":status"], 201);
    assert.deepEqual([answer.headers["x-a"], answer.headers["x-te"]], ["1, 2", "trailers"]);
    assert.equal(answer.body, "POST users:80 body");
    assert.equal(answer.trailers["x-sum"], '{"x-sent":"yes"}');
    assert.deepEqual(
      started.recorder.records.map((r) => [r.status, r.requestBytes, r.responseBytes]),
      [[201, 4, 18]],
    );
  });

  it("streams in both directions at once", async () => {
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.on("data", (chunk: Buffer) => stream.write(`<${chunk.toString()}>`));
      stream.once("end", () => stream.end("bye"));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({ ":method": "POST" });
    let text = "";
    stream.on("data", (chunk) => {
      text += String(chunk);
    });
    for (const [i, word] of ["a", "b", "c"].entries()) {
      stream.write(word);
      await eventually("the echo came", () => text.length === 3 * (i + 1));
    }
    stream.end();
    await once(stream, "close");
    assert.equal(text, "<a><b><c>bye");
  });

  it("records gRPC's status from trailers, and from a head without messages", async () => {
    await using app = await startHttp2((stream, headers) => {
      if (headers[":path"] === "/a.B/Only")
        return stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "5" },
          { endStream: true },
        );
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "13" }));
      stream.end("m");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    for (const path of ["/a.B/Only", "/a.B/Do"])
      await whole(client.open({ ":method": "POST", ":path": path, "content-type": "application/grpc" }).end("m"));
    assert.deepEqual(
      started.recorder.records.map((record) => record.grpcStatus),
      [5, 13],
    );
    assert.deepEqual(
      started.router.ended.map((ended) => ended.failed),
      [false, true],
    );
  });

  it("answers gRPC in gRPC's terms when nobody can", async () => {
    await using started = await startProxy({ routes: { users: [endpoint(await closedPort())] } });
    using client = http2Client(started.proxy.outboundPort);
    const { headers } = await whole(client.open({ ":method": "POST", "content-type": "application/grpc" }).end());
    assert.deepEqual([headers[":status"], headers["grpc-status"]], [200, "14"]);
    assert.match(decodeURIComponent(String(headers["grpc-message"])), /no response from users at .*connection refused/);
    assert.equal(started.recorder.records[0]?.grpcStatus, 14);
  });

  it("answers everybody else with a status and words", async () => {
    await using started = await startProxy({ routes: { users: [] } });
    using client = http2Client(started.proxy.outboundPort);
    const { headers, body } = await whole(client.open({}));
    assert.deepEqual(
      [headers[":status"], headers["mesh-error"], body],
      [503, "no-endpoint", "nobody serves users at this moment\n"],
    );
  });

  it("passes a reset on with its code, in both directions", async () => {
    const codes: number[] = [];
    const begun = Promise.withResolvers<void>();
    await using app = await startHttp2((stream, headers) => {
      // Without waitForTrailers node:http2 would end the response before it resets the stream.
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.write("begun");
      if (headers[":path"] === "/server") void begun.promise.then(() => stream.close(11));
      stream.once("close", () => codes.push(stream.rstCode));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const responding = client.open({ ":path": "/server" });
    responding.once("data", () => begun.resolve());
    const server = await whole(responding);
    assert.deepEqual([server.body, server.code], ["begun", 11]);
    const stream = client.open({ ":path": "/client" });
    await once(stream, "data");
    stream.close(5);
    await eventually("the program hears of it", () => codes.length === 2);
    assert.equal(codes[1], 5);
    assert.deepEqual(
      started.recorder.records.map((record) => record.status),
      [0, 200],
    );
  });

  it("never turns an upload that broke off into a whole one", async () => {
    const ends: string[] = [];
    let arrived = false;
    await using app = await startHttp2((stream) => {
      stream.on("data", () => (arrived = true));
      stream.once("close", () => ends.push(stream.rstCode === 0 ? "whole" : "broken"));
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.session.request(
      { ":method": "POST", ":path": "/", ":authority": "users" },
      { waitForTrailers: true },
    );
    stream.on("error", () => undefined);
    stream.write("part");
    await eventually("the upload is on its way", () => arrived);
    stream.close(8);
    await eventually("the program hears of it", () => ends.length > 0);
    assert.deepEqual(ends, ["broken"]);
    assert.deepEqual(
      started.recorder.records.map((record) => record.status),
      [499],
    );
  });

  it("repeats what a peer has refused to process, whatever the method", async () => {
    let calls = 0;
    await using app = await startHttp2((stream) => {
      calls += 1;
      if (calls === 1) return stream.close(7);
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const { body } = await whole(client.open({ ":method": "POST", "content-length": 2 }).end("hi"));
    assert.deepEqual([body, calls], ["ok", 2]);
  });

  it("opens a new connection when the peer says GOAWAY, and lets streams in flight end", async () => {
    let sessions = 0;
    const told = Promise.withResolvers<void>();
    const held: (() => void)[] = [];
    await using app = await startHttp2((stream, headers) => {
      stream.respond({ ":status": 200 });
      if (headers[":path"] !== "/held") return void stream.end("new");
      held.push(() => stream.end("old"));
      stream.session?.goaway(0);
      // Answered after the GOAWAY was read.
      stream.session?.ping(() => told.resolve());
    });
    app.server.on("session", () => {
      sessions += 1;
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const first = whole(client.open({ ":path": "/held" }));
    await told.promise;
    assert.equal((await whole(client.open({ ":path": "/next" }))).body, "new");
    held[0]?.();
    assert.equal((await first).body, "old");
    assert.equal(sessions, 2);
  });

  it("opens another connection when one carries as many streams as the peer allows", async () => {
    let sessions = 0;
    const held: ServerHttp2Stream[] = [];
    await using app = await startHttp2(
      (stream) => {
        stream.respond({ ":status": 200 });
        held.push(stream);
      },
      { maxConcurrentStreams: 2 },
    );
    app.server.on("session", () => {
      sessions += 1;
    });
    await using started = await startProxy({
      routes: { users: [endpoint(app.port)] },
      limits: { maxSessionsPerEndpoint: 2 },
      retries: 0,
    });
    using client = http2Client(started.proxy.outboundPort);
    const first = whole(client.open({}));
    await eventually("the first stream stands", () => held.length === 1);
    const more = [1, 2, 3].map(() => whole(client.open({})));
    await eventually("all streams stand", () => held.length === 4);
    assert.equal(sessions, 2);
    const { headers } = await whole(client.open({}));
    assert.deepEqual([headers[":status"], headers["mesh-error"]], [503, "overload"]);
    for (const stream of held) stream.end("x");
    assert.deepEqual(
      (await Promise.all([first, ...more])).map((answer) => answer.body),
      ["x", "x", "x", "x"],
    );
  });

  it("holds the program back when the client does not read", async () => {
    let written = 0;
    const chunk = Buffer.alloc(65_536, 1);
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      const fill = (): void => {
        while (written < 400 * chunk.length && !stream.destroyed) {
          written += chunk.length;
          if (!stream.write(chunk)) return void stream.once("drain", fill);
        }
      };
      fill();
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] }, limits: { stallMs: 300 } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open({});
    stream.pause();
    await once(stream, "response");
    await eventually("the client is given up", () => started.proxy.stats().slow === 1);
    assert.ok(written < 100 * chunk.length, `${written} bytes were taken from the program`);
  });

  it("says GOAWAY when it drains, and lets streams end", async () => {
    const held: ServerHttp2Stream[] = [];
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200 });
      held.push(stream);
    });
    await using started = await startProxy({
      inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: app.port } },
    });
    using client = http2Client(started.proxy.inboundPort);
    const answer = whole(client.open({}));
    await eventually("the stream stands", () => held.length === 1);
    const goaway = once(client.session, "goaway");
    const drained = started.proxy.drainInbound(5_000);
    await goaway;
    held[0]?.end("done");
    assert.equal((await answer).body, "done");
    assert.equal(await drained, 0);
  });
});

describe("from one version to the other", () => {
  it("an HTTP/2 client reaches a program that speaks HTTP/1.1 only", async () => {
    await using app = await startApp(async (request, response) => {
      const body = await bodyOf(request);
      response.writeHead(200, { "transfer-encoding": "chunked", "Set-Cookie": ["a=1", "b=2"] });
      response.write(
        `${request.method} ${request.headers.host} ${request.headers.cookie} ${body} ${request.trailers["x-t"]}`,
      );
      response.addTrailers({ "X-Sum": "1" });
      response.end();
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http1" })] } });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.session.request(
      { ":method": "POST", ":path": "/", ":authority": "users:80", cookie: ["a=1", "b=2"] },
      { waitForTrailers: true },
    );
    stream.once("wantTrailers", () => stream.sendTrailers({ "x-t": "2" }));
    stream.end("body");
    const answer = await whole(stream);
    assert.equal(answer.body, "POST users:80 a=1; b=2 body 2");
    assert.deepEqual(answer.headers["set-cookie"], ["a=1", "b=2"]);
    assert.equal(answer.trailers["x-sum"], "1");
    assert.equal(answer.headers["connection"], undefined);
  });

  it("an HTTP/1.1 client reaches a program that speaks HTTP/2 only", async () => {
    await using app = await startHttp2((stream, headers) => {
      let body = "";
      let sent = {};
      stream.once("trailers", (fields) => {
        sent = fields;
      });
      stream.on("data", (chunk) => {
        body += String(chunk);
      });
      stream.once("end", () => {
        stream.additionalHeaders({ ":status": 103, link: "</a.css>" });
        stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"] }, { waitForTrailers: true });
        stream.once("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
        stream.end(
          `${headers[":method"]} ${headers[":authority"]} ${String(headers["x-upper"])} ${body} ${JSON.stringify(sent)}`,
        );
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(
      "POST /a HTTP/1.1\r\nHost: users:80\r\nX-Upper: V\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nbody\r\n0\r\nX-T: 2\r\n\r\n",
    );
    const text = await raw.closed();
    assert.match(text, /^HTTP\/1\.1 103 \r\nlink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 /);
    assert.match(text, /set-cookie: a=1\r\nset-cookie: b=2\r\n/);
    assert.match(text, /POST users:80 V body \{"x-t":"2"\}\r\n0\r\nx-sum: 1\r\n/);
  });

  it("an endpoint that is opaque gets an HTTP request as it is", async () => {
    await using app = await startApp((request, response) => response.end(request.url));
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "opaque" })] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET /a HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n");
    assert.match(await raw.closed(), /\/a$/);
  });

  it("a client hears that an endpoint does not speak its version", async () => {
    await using app = await startBytes((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    using client = http2Client(started.proxy.outboundPort);
    const { headers, body } = await whole(client.open({}));
    assert.equal(headers[":status"], 503);
    assert.match(body, /it does not speak HTTP\/2/);
  });
});
