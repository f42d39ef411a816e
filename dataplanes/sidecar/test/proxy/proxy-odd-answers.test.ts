import assert from "node:assert/strict";
import { createServer as createNetServer } from "node:net";
import { describe, it } from "node:test";
import { eventually, listen } from "@patchbay/testkit";
import { http2Client, startHttp2, type Whole, whole } from "../support/http2.ts";
import { endpoint, startProxy } from "../support/proxies.ts";
import { openRaw, startBytes } from "../support/wire.ts";

/** One request over HTTP/2; a body makes it a POST with trailers. */
async function ask(port: number, body: string): Promise<Whole> {
  using client = http2Client(port);
  const stream = client.open(
    { ":method": body === "" ? "GET" : "POST" },
    { endStream: body === "", waitForTrailers: body !== "" },
  );
  stream.once("wantTrailers", () => stream.sendTrailers(withOddNames()));
  if (body !== "") stream.end(body);
  return await whole(stream);
}

/** Names that every JavaScript object has. */
function withOddNames(): Record<string, string> {
  return { constructor: "a", valueof: "b", tostring: "c" };
}

const UPLOAD =
  "POST / HTTP/1.1\r\nHost: users\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
const GET = "GET / HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n";

describe("a program that answers what cannot be passed on", () => {
  const odd: readonly (readonly [string, string])[] = [
    ["a status below 100", "HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n"],
    ["101 that nobody has asked for", "HTTP/1.1 101 OK\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nsurprise"],
    ["a coding that would be lost", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
  ];
  for (const [what, text] of odd)
    it(`is a 502 for its client: ${what}`, async () => {
      await using app = await startBytes((socket) => socket.once("data", () => socket.end(text, "latin1")));
      await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
      for (const request of [GET, UPLOAD]) {
        const raw = await openRaw(started.proxy.outboundPort);
        raw.send(request);
        const answer = await raw.closed();
        assert.match(answer, /^HTTP\/1\.1 502 /);
        assert.doesNotMatch(answer, /surprise/);
      }
      assert.equal(started.proxy.stats().active, 0);
      assert.equal(started.router.outstanding, 0);
    });

  it("is heard without its reason phrase where that holds a control character", async () => {
    await using app = await startBytes((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 200 O\x01K\r\ncontent-length: 0\r\n\r\n", "latin1")),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    for (const request of [GET, UPLOAD]) {
      const raw = await openRaw(started.proxy.outboundPort);
      raw.send(request);
      assert.match(await raw.closed(), /^HTTP\/1\.1 200 \r\n/);
    }
  });

  it("is a 502 for a client of HTTP/2 too: a status that this version does not have", async () => {
    await using app = await startBytes((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 700 Odd\r\ncontent-length: 0\r\n\r\n")),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http1" })] } });
    assert.equal((await ask(started.proxy.outboundPort, "")).headers[":status"], 502);
    assert.equal((await ask(started.proxy.outboundPort, "abc")).headers[":status"], 502);
  });

  it("is not believed that it has not seen a request, since only a sidecar that has proven itself is", async () => {
    let calls = 0;
    await using app = await startBytes((socket) =>
      socket.once("data", () => {
        calls += 1;
        socket.end("HTTP/1.1 503 Odd\r\nmesh-unprocessed: 1\r\ncontent-length: 0\r\n\r\n");
      }),
    );
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("POST / HTTP/1.1\r\nHost: users\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
    assert.match(await raw.closed(), /^HTTP\/1\.1 503 Odd/);
    assert.equal(calls, 1);
  });

  it("may give a field twice that others give once", async () => {
    await using app = await startHttp2((stream) => {
      stream.respond(["etag", "a", "etag", "b"]);
      stream.end();
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    assert.deepEqual((await ask(started.proxy.outboundPort, "")).headers[":status"], 200);
  });

  it("may call a field or a trailer like something that every object has", async () => {
    let received: unknown;
    await using app = await startHttp2((stream) => {
      stream.once("trailers", (trailers) => {
        received = Object.fromEntries(Object.entries(trailers));
      });
      stream.once("end", () => {
        stream.respond(withOddNames(), { waitForTrailers: true });
        stream.once("wantTrailers", () => stream.sendTrailers(withOddNames()));
        stream.end();
      });
      stream.resume();
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    const { headers, trailers } = await ask(started.proxy.outboundPort, "abc");
    assert.equal(headers["constructor"], "a");
    assert.deepEqual(Object.fromEntries(Object.entries(trailers)), withOddNames());
    assert.deepEqual(received, withOddNames());
  });
});

describe("a program that has answered before it has the whole request", () => {
  it("ends the upload over HTTP/1.1, and nothing is left of it", async () => {
    let closed = false;
    await using app = await startBytes((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"));
      socket.once("end", () => {
        closed = true;
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("POST / HTTP/1.1\r\nHost: users\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert.match(await raw.closed(), /^HTTP\/1\.1 413 /);
    await eventually("the connection to the program is closed", () => closed);
  });

  it("ends the upload over HTTP/2, and its stream", async () => {
    let closed = false;
    await using app = await startHttp2((stream) => {
      stream.resume();
      stream.respond({ ":status": 413 });
      stream.end();
      stream.once("close", () => {
        closed = true;
      });
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port, { protocol: "http2" })] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("POST / HTTP/1.1\r\nHost: users\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert.match(await raw.closed(), /^HTTP\/1\.1 413 /);
    await eventually("the stream to the program is closed", () => closed);
  });
});

describe("a program that has switched protocols", () => {
  it("has chosen from its client's list, and the client hears what", async () => {
    await using app = await startBytes((socket) => {
      socket.once("data", () =>
        socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: b/2\r\n\r\n"),
      );
    });
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: users\r\nConnection: upgrade\r\nUpgrade: a/1, b/2\r\n\r\n");
    const head = await raw.until((text) => text.includes("\r\n\r\n"));
    assert.match(head, /\r\nupgrade: b\/2\r\n/);
    raw.socket.destroy();
  });

  it("holds one of the endpoint's connections until that ends", async () => {
    const upgrade = "GET / HTTP/1.1\r\nHost: users\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    await using app = await startBytes((socket) => {
      socket.once("data", () =>
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
      );
      socket.once("end", () => socket.end());
    });
    const limits = { maxConnectionsPerEndpoint: 1 };
    await using started = await startProxy({ routes: { users: [endpoint(app.port)] }, limits });
    const ask = async () => {
      const raw = await openRaw(started.proxy.outboundPort);
      raw.send(upgrade);
      return { raw, head: await raw.until((text) => text.includes("\r\n\r\n")) };
    };
    const first = await ask();
    assert.match(first.head, /^HTTP\/1\.1 101 /);
    assert.match((await ask()).head, /^HTTP\/1\.1 503 /);
    first.raw.socket.destroy();
    await eventually("it has ended", () => started.proxy.stats().active === 0);
    assert.match((await ask()).head, /^HTTP\/1\.1 101 /);
  });
});

describe("a server outside of the mesh that resets", () => {
  it("ends the tunnel, also when its client has not spoken yet", async () => {
    const server = createNetServer((socket) => void setTimeout(() => socket.resetAndDestroy(), 20));
    const port = await listen(server);
    await using started = await startProxy();
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.match(await raw.closed(), /^HTTP\/1\.1 200 /);
    server.close();
    await eventually("it is recorded", () => started.recorder.records.length === 1);
  });
});
