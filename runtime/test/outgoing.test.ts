import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, createServer as createRelay, type Socket } from "node:net";
import { describe, it } from "node:test";
import { createOutgoing, envelope, type Outgoing, type OutgoingEnd, type OutgoingOptions } from "../src/index.ts";

const LIMITS = { protocol: "connect", maxMessages: 3, maxBytes: 1_000_000 } as const;

/** One stream to a reader, through a relay that can stop passing anything on. */
async function startReader(options: Partial<OutgoingOptions> = {}) {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets: Socket[] = [];
  const relay = createRelay((socket) => {
    const onward = connect((server.address() as AddressInfo).port, "127.0.0.1");
    sockets.push(socket, onward);
    for (const each of [socket, onward]) each.on("error", () => undefined);
    socket.pipe(onward).pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(relay, "listening");
  const session = connectHttp2(`http://127.0.0.1:${(relay.address() as AddressInfo).port}`);
  session.on("error", () => undefined);
  const reader = session.request({ ":method": "POST" });
  reader.on("error", () => undefined);
  const [stream] = (await once(server, "stream")) as [ServerHttp2Stream];
  const outgoing: Outgoing = createOutgoing({ stream, ...LIMITS, ...options });
  const closed = new Promise<OutgoingEnd>((resolve) => outgoing.onClose(resolve));
  return {
    reader,
    outgoing,
    closed,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    [Symbol.dispose]() {
      session.destroy();
      for (const socket of sockets) socket.destroy();
      relay.close();
      server.close();
    },
  };
}

describe("a stream of messages", () => {
  it("carries what is sent, and then its end", async () => {
    using way = await startReader();
    assert.ok(way.outgoing.send(Buffer.from("one")) && way.outgoing.send(Buffer.from("two")));
    way.outgoing.end();
    const chunks: Buffer[] = await way.reader.toArray();
    const expected = [envelope(Buffer.from("one")), envelope(Buffer.from("two")), envelope(Buffer.from("{}"), 2)];
    assert.deepEqual(Buffer.concat(chunks), Buffer.concat(expected));
    assert.equal(way.outgoing.send(Buffer.from("late")), false);
    way.reader.end();
    assert.equal(await way.closed, "ended");
  });

  it("holds no more messages or bytes than it may", async () => {
    using way = await startReader({ maxBytes: 10, gatherMs: 60_000 });
    assert.deepEqual(
      ["1", "2", "x".repeat(11)].map((text) => way.outgoing.send(Buffer.from(text))),
      [true, false, false],
    );
    using few = await startReader({ gatherMs: 60_000 });
    const sent = ["1", "2", "3", "4"].map((text) => few.outgoing.send(Buffer.from(text)));
    assert.deepEqual(sent, [true, true, true, false]);
  });

  it("ends with its reader", async () => {
    using way = await startReader();
    way.reader.destroy();
    assert.equal(await way.closed, "gone");
  });

  it("lets go of a reader that takes nothing", async () => {
    using way = await startReader({ stuckMs: 50 });
    assert.ok(way.outgoing.send(Buffer.alloc(500_000)));
    assert.equal(await way.closed, "stuck");
  });

  it("lets go of a reader whose machine has gone without a word", async () => {
    using way = await startReader({ pingIntervalMs: 20, pingTimeoutMs: 50 });
    way.freeze();
    assert.equal(await way.closed, "gone");
  });
});
