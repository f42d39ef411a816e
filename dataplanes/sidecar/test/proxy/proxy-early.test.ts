import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { eventually } from "@patchbay/testkit";
import { endpoint, startProxy } from "../support/proxies.ts";
import { exchangeRaw, startBytes } from "../support/wire.ts";

/** Sends a head and 4 MB, whatever comes, and gives all that came. A client that stops at the first error would hide a lost answer. */
async function upload(port: number, framing: "length" | "chunked"): Promise<string> {
  const bytes = 4_000_000;
  const head = framing === "length" ? `Content-Length: ${bytes}` : "Transfer-Encoding: chunked";
  const socket = connect(port, "127.0.0.1");
  let text = "";
  let over = false;
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.once("close", () => {
    over = true;
  });
  socket.write(`POST http://users/ HTTP/1.1\r\nHost: users\r\n${head}\r\n\r\n`);
  const piece = Buffer.alloc(100_000, 0x61);
  for (let sent = 0; sent < bytes && !over; sent += piece.length) {
    if (framing === "chunked") socket.write(`${piece.length.toString(16)}\r\n`);
    socket.write(piece);
    if (framing === "chunked") socket.write("\r\n");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually("the answer came", () => over || text.includes("\r\n\r\n"));
  socket.destroy();
  return text;
}

/** Each in a packet of its own. */
async function inPieces(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("an answer before the end of an upload", () => {
  // RFC 9112 §9.6; envoyproxy/envoy#2929
  for (const framing of ["length", "chunked"] as const) {
    for (const ending of ["close", "reset"] as const) {
      it(`arrives when the program answers and ends the connection by ${ending} (${framing})`, async () => {
        await using app = await startBytes((socket) => {
          socket.once("data", () => {
            socket.pause();
            socket.write("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfull", () =>
              ending === "reset" ? socket.resetAndDestroy() : socket.destroy(),
            );
          });
        });
        await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
        for (let i = 0; i < 5; i++)
          assert.match(await upload(started.proxy.outboundPort, framing), /^HTTP\/1\.1 413 .*full$/s);
        assert.deepEqual(new Set(started.router.ended.map(({ failed }) => failed)), new Set([false]));
      });
    }
  }

  it("arrives when the proxy itself answers, whatever the client is still sending", async () => {
    await using started = await startProxy({ routes: { users: [] } });
    for (let i = 0; i < 5; i++) assert.match(await upload(started.proxy.outboundPort, "length"), /^HTTP\/1\.1 503 /);
  });
});

describe("a 100 (Continue) that nobody asked for", () => {
  // RFC 9110 §15.2: a client must be able to parse one.
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nHTTP/1.1 100 Fake!";

  for (const pieces of [
    ["HTTP/1.1 100 Continue\r\n\r\n", answer],
    [`HTTP/1.1 100 Continue\r\nx: y\r\n\r\n${answer}`],
    ["HTTP/1.1 10", "0 Continue\r\n", `\r\nHTTP/1.1 100 Again\r\n\r\n${answer.slice(0, 60)}`, answer.slice(60)],
  ]) {
    it(`is left out, and nothing of the body with it (${pieces.length} pieces)`, async () => {
      await using app = await startBytes((socket) => {
        socket.setNoDelay(true);
        socket.on("data", () => void inPieces(socket, pieces));
      });
      await using started = await startProxy({ routes: { users: [endpoint(app.port)] } });
      for (let i = 0; i < 2; i++) {
        const text = await exchangeRaw(
          started.proxy.outboundPort,
          "GET http://users/ HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n",
        );
        assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
        assert.ok(text.endsWith("\r\n\r\nHTTP/1.1 100 Fake!"), text);
      }
      assert.deepEqual(
        started.recorder.records.map(({ attempts }) => attempts),
        [1, 1],
      );
    });
  }
});

describe("a request that the proxy refuses as malformed or too large", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["a method that the parser does not know", "LIST http://users/v1 HTTP/1.1\r\nHost: users\r\n\r\n", 400],
    [
      "a head that is too large",
      `GET http://users/v1 HTTP/1.1\r\nHost: users\r\nx: ${"a".repeat(20_000)}\r\n\r\n`,
      431,
    ],
    [
      "two lengths",
      "POST http://users/v1 HTTP/1.1\r\nHost: users\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      400,
    ],
  ];
  for (const [what, text, status] of cases) {
    it(`is counted: ${what}`, async () => {
      await using started = await startProxy({ routes: { users: [endpoint(9)] } });
      assert.match(await exchangeRaw(started.proxy.outboundPort, text), new RegExp(`^HTTP/1\\.1 ${status} `));
      await eventually("it is recorded", () => started.recorder.records.length === 1);
      const [record] = started.recorder.records;
      assert.deepEqual([record?.status, record?.target, record?.error], [status, "users", "bad-request"]);
    });
  }
});
