import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect, createServer, type IncomingHttpHeaders } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { listen } from "@patchbay/testkit";
import fc from "fast-check";
import { endpoint, type StartedProxy, startProxy } from "../support/proxies.ts";
import { type App, startApp } from "../support/wire.ts";

/** A message in pieces: cut at any place, written one after the other. */
const pieces = fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 5 });
const framing = fc.constantFrom("length", "stream");

interface Heard {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function readAll(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Writes piece after piece, some of them at another turn of the loop. */
async function writeAll(sink: Writable, parts: readonly Uint8Array[]): Promise<void> {
  for (const [i, part] of parts.entries()) {
    sink.write(part);
    if (i % 2 === 1) await new Promise((resolve) => setImmediate(resolve));
  }
  sink.end();
}

/** Answers with what it has heard, in the same pieces; `x-framing` says whether with a length. */
function echo(headers: IncomingHttpHeaders, body: Buffer): { fields: Record<string, string>; parts: Buffer[] } {
  const fields: Record<string, string> = {
    "x-heard": String(headers["x-sent"]),
    "x-length": String(headers["content-length"]),
  };
  if (headers["x-framing"] === "length") fields["content-length"] = String(body.length);
  const middle = body.length >> 1;
  return { fields, parts: [body.subarray(0, middle), body.subarray(middle)] };
}

describe("a message that goes from one version to the other", () => {
  let http1: App;
  const http2 = createServer();
  let started: StartedProxy;
  before(async () => {
    http1 = await startApp(async (request, response) => {
      const { fields, parts } = echo(request.headers, await readAll(request));
      response.writeHead(200, fields);
      await writeAll(response, parts);
    });
    http2.on("stream", (stream, headers) => {
      void readAll(stream).then(async (body) => {
        const { fields, parts } = echo(headers, body);
        stream.respond({ ":status": 200, ...fields });
        await writeAll(stream, parts);
      });
    });
    const port = await listen(http2);
    started = await startProxy({
      routes: {
        one: [endpoint(http1.port, { protocol: "http1" })],
        two: [endpoint(port, { protocol: "http2" })],
      },
    });
  });
  after(async () => {
    await started[Symbol.asyncDispose]();
    await http1[Symbol.asyncDispose]();
    http2.close();
  });

  function fieldsFor(parts: readonly Uint8Array[], sent: "length" | "stream", back: string): Record<string, string> {
    const fields: Record<string, string> = { "x-sent": "value, with comma", "x-framing": back };
    if (sent === "length") fields["content-length"] = String(Buffer.concat(parts).length);
    return fields;
  }

  async function overHttp1(host: string, parts: readonly Uint8Array[], fields: Record<string, string>): Promise<Heard> {
    const request = httpRequest({
      port: started.proxy.outboundPort,
      method: "POST",
      path: `http://${host}/`,
      headers: { host, ...fields },
    });
    void writeAll(request, parts);
    const [message] = (await once(request, "response")) as [IncomingMessage];
    return { headers: message.headers, body: await readAll(message) };
  }

  async function overHttp2(host: string, parts: readonly Uint8Array[], fields: Record<string, string>): Promise<Heard> {
    const session = connect(`http://127.0.0.1:${started.proxy.outboundPort}`);
    const stream = session.request({ ":method": "POST", ":path": "/", ":authority": host, ...fields });
    void writeAll(stream, parts);
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
    const body = await readAll(stream);
    session.close();
    return { headers, body };
  }

  const ways = [
    ["HTTP/1.1 to HTTP/2", overHttp1, "two"],
    ["HTTP/2 to HTTP/1.1", overHttp2, "one"],
    ["HTTP/1.1 to HTTP/1.1", overHttp1, "one"],
    ["HTTP/2 to HTTP/2", overHttp2, "two"],
  ] as const;
  for (const [name, send, host] of ways)
    it(`is the same message: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(pieces, framing, framing, async (parts, sent, back) => {
          const fields = fieldsFor(parts, sent, back);
          const whole = Buffer.concat(parts);
          const { headers, body } = await send(host, parts, fields);
          assert.ok(body.equals(whole), `${body.length} bytes came back of ${whole.length}`);
          assert.equal(headers["x-heard"], fields["x-sent"]);
          // A length that is known stays known, but for an empty body, where it need not be said.
          if (sent === "length" && whole.length > 0) assert.equal(headers["x-length"], String(whole.length));
          if (back === "length") assert.equal(headers["content-length"], String(whole.length));
        }),
        { numRuns: 40 },
      );
    });
});
