import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { after, before, describe, it } from "node:test";
import { eventually } from "@patchbay/testkit";
import { endpoint, type StartedProxy, startProxy } from "../support/proxies.ts";
import { type App, bodyOf, exchangeRaw, openRaw, startApp } from "../support/wire.ts";

describe("requests that two parsers could read differently", () => {
  let app: App;
  let started: StartedProxy;
  const seen: string[] = [];
  const begun: string[] = [];
  before(async () => {
    app = await startApp(async (request, response) => {
      begun.push(`${request.method} ${request.url}`);
      // Broken off by the proxy: then the program has not seen it as a request.
      const body = await bodyOf(request).catch(() => undefined);
      if (body !== undefined) seen.push(`${request.method} ${request.url} ${body}`);
      response.end();
    });
    started = await startProxy({ routes: { a: [endpoint(app.port)] }, limits: { headMs: 300 } });
  });
  after(async () => {
    await started[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
  });

  const post = (fields: string, body = ""): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`;
  const chunked = (body: string): string => post("Transfer-Encoding: chunked", body);
  const cases: readonly (readonly [string, string])[] = [
    ["Content-Length and Transfer-Encoding", post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG")],
    ["Transfer-Encoding and Content-Length", post("Transfer-Encoding: chunked\r\nContent-Length: 6", "0\r\n\r\nG")],
    ["two equal lengths", post("Content-Length: 3\r\nContent-Length: 3", "abc")],
    ["two different lengths", post("Content-Length: 3\r\nContent-Length: 4", "abcd")],
    ["a list of lengths", post("Content-Length: 3, 3", "abc")],
    ["a length with a sign", post("Content-Length: +3", "abc")],
    ["an empty length", post("Content-Length: ")],
    ["a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"],
    ["lines that end with LF alone", "GET / HTTP/1.1\nHost: a\n\n"],
    ["one field that ends with LF alone", "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n"],
    ["a CR within a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n"],
    ["a NUL within a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n"],
    ["a space before the first field", "GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n"],
    ["a field without a name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"],
    ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
    ["no host", "GET / HTTP/1.1\r\n\r\n"],
    ["a coding before chunked", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")],
    ["chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")],
    ["another coding than chunked", post("Transfer-Encoding: xchunked", "0\r\n\r\n")],
    ["chunked with a vertical tab", post("Transfer-Encoding: \x0bchunked", "0\r\n\r\n")],
    ["chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a chunk size that is no number", chunked("zz\r\n")],
    ["a chunk size with 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n")],
    ["a chunk size with a space", chunked("3 \r\nabc\r\n0\r\n\r\n")],
    ["a chunk size beyond all bounds", chunked("FFFFFFFFFFFFFFFFF\r\nabc\r\n")],
    ["chunks that end with LF alone", chunked("3\nabc\n0\n\n")],
    ["a chunk extension that ends with LF alone", chunked("3;a\nabc\r\n0\r\n\r\n")],
    ["a chunk that is longer than it says", chunked("3\r\nabcXX0\r\n\r\n")],
    ["a length among the trailers", chunked("3\r\nabc\r\n0\r\nContent-Length: 1\r\n\r\n")],
    ["HTTP/0.9", "GET /\r\n\r\n"],
    ["HTTP/2.0 in a request line", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"],
    ["HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"],
    ["a fragment in the target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["a user in the target", "GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["https in absolute form", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["nothing that is HTTP", "\x00\x01\x02\x03\x04\r\n\r\n"],
  ];
  for (const [what, text] of cases)
    it(`are refused, counted and closed: ${what}`, async () => {
      const before = started.proxy.stats();
      const count = seen.length;
      const answer = await exchangeRaw(started.proxy.outboundPort, text);
      assert.match(answer, /^HTTP\/1\.1 (400|501) /);
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, "one answer and no more");
      assert.equal(started.proxy.stats().malformed, before.malformed + 1);
      assert.ok(
        seen.slice(count).every((request) => !request.includes("abc")),
        "the program has not seen it",
      );
    });

  it("a head that is too long is answered 431", async () => {
    const answer = await exchangeRaw(
      started.proxy.outboundPort,
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(17_000)}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.equal(started.proxy.stats().oversized, 1);
  });

  it("a head with too many fields is answered 431", async () => {
    const fields = Array.from({ length: 200 }, (_, i) => `X-${i}: 1\r\n`).join("");
    const answer = await exchangeRaw(started.proxy.outboundPort, `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 431 /);
  });

  it("a head that comes a byte at a time is cut", async () => {
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("GET / HTTP/1.1\r\nHost: a\r\n");
    const drip = setInterval(() => raw.send("X"), 50);
    const answer = await raw.closed();
    clearInterval(drip);
    assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  it("a connection that says nothing is closed", async () => {
    const raw = await openRaw(started.proxy.outboundPort);
    assert.equal(await raw.closed(), "");
  });

  it("a body that turns out broken after the response has begun breaks the connection", async () => {
    const raw = await openRaw(started.proxy.outboundPort);
    begun.length = 0;
    raw.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await eventually("the program has it", () => begun.includes("POST /"));
    raw.send("broken\r\n");
    const answer = await raw.closed();
    assert.match(answer, /^(HTTP\/1\.1 400 |$)/);
    assert.ok(!seen.includes("POST / abc"));
  });

  it("an unknown expectation is answered 417", async () => {
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n");
    assert.match(await raw.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 417 /);
    raw.socket.destroy();
  });
});

describe("HTTP/2 without sense", () => {
  it("a path that HTTP/1.1 could not carry is refused", async () => {
    await using started = await startProxy();
    const session = connectHttp2(`http://127.0.0.1:${started.proxy.outboundPort}`);
    const outcome = (path: string): Promise<unknown> =>
      new Promise((resolve) => {
        const stream = session.request({ ":path": path, ":authority": "a" });
        stream.once("response", (headers) => resolve(headers[":status"]));
        stream.once("error", (error) => resolve(error.message));
      });
    for (const path of ["no slash", "/a b", "/a\x7f", "/a#b", "http://a/"])
      assert.match(String(await outcome(path)), /^400$|PROTOCOL_ERROR/, path);
    session.destroy();
  });

  it("a flood of WINDOW_UPDATE frames is cut, and others are served meanwhile", async () => {
    await using app = await startApp((_request, response) => response.end("ok"));
    await using started = await startProxy({ routes: { a: [endpoint(app.port)] } });
    const raw = await openRaw(started.proxy.outboundPort);
    raw.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    raw.send(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const frame = Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const many = Buffer.concat(Array.from({ length: 5_000 }, () => frame));
    let over = false;
    raw.socket.once("close", () => {
      over = true;
    });
    const flood = (): void => {
      if (over) return;
      if (raw.socket.write(many)) setImmediate(flood);
      else raw.socket.once("drain", flood);
    };
    flood();
    await eventually("the flood is cut", () => over);
    assert.equal(started.proxy.stats().flooded, 1);
    assert.match(
      await exchangeRaw(started.proxy.outboundPort, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
      /ok$/,
    );
  });

  it("a large body in small pieces is no flood", async () => {
    await using app = await startApp(async (request, response) => response.end(String((await bodyOf(request)).length)));
    await using started = await startProxy({ routes: { a: [endpoint(app.port, { protocol: "http1" })] } });
    const session = connectHttp2(`http://127.0.0.1:${started.proxy.outboundPort}`);
    const stream = session.request({ ":method": "POST", ":path": "/", ":authority": "a" });
    for (let i = 0; i < 20_000; i += 1) stream.write("0123456789");
    stream.end();
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, "200000");
    assert.equal(started.proxy.stats().flooded, 0);
    session.destroy();
  });
});
