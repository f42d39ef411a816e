import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { deliveryCount } from "../src/nats/delivery.ts";
import { EventBusError } from "../src/nats/event-bus-error.ts";
import { eventHeaders, fixedHeaders } from "../src/nats/headers.ts";
import { parsePubAck } from "../src/nats/pub-ack.ts";

const parse = (value: unknown) => parsePubAck(Buffer.from(JSON.stringify(value)));
const isRefusal = (result: unknown) => result instanceof EventBusError && result.code === "stream";

describe("an answer to a publication", () => {
  test("tells the sequence, whatever else it tells", () => {
    const answers = fc.record(
      { stream: fc.string(), seq: fc.nat().map((n) => n + 1), domain: fc.string(), duplicate: fc.boolean() },
      { requiredKeys: ["stream", "seq"] },
    );
    fc.assert(
      fc.property(answers, ({ stream, seq, ...rest }) => {
        assert.deepEqual(parse({ stream, seq, ...rest }), { seq, duplicate: rest.duplicate ?? false });
      }),
    );
  });

  test("is read with spaces too", () => {
    const text = '{"stream": "EVENTS", "seq": 12, "duplicate": true}';
    assert.deepEqual(parsePubAck(Buffer.from(text)), { seq: 12, duplicate: true });
  });

  test("is a refusal when it holds an error, and is none when it holds no sequence", () => {
    assert.ok(isRefusal(parse({ error: { err_code: 10077, description: "full" }, stream: "S", seq: 0 })));
    assert.ok(isRefusal(parse({ stream: "S", seq: 0 })));
    assert.equal(parse({ error: { err_code: 10008 }, stream: "S", seq: 0 }), "unavailable");
  });

  test("is no answer when it was cut or is something else", () => {
    const whole = '{"stream":"EVENTS_REPORT","seq":1234}';
    for (let length = 0; length < whole.length; length += 1) {
      assert.ok(isRefusal(parsePubAck(Buffer.from(whole.slice(0, length)))), whole.slice(0, length));
    }
    fc.assert(fc.property(fc.uint8Array(), (bytes) => isRefusal(parsePubAck(bytes))));
  });
});

describe("the headers of an event", () => {
  const written = (event: Parameters<typeof eventHeaders>[0]): string => {
    const headers: unknown = eventHeaders(event);
    assert.ok(typeof headers === "object" && headers !== null && "encode" in headers);
    assert.ok(typeof headers.encode === "function");
    return Buffer.from(headers.encode()).toString();
  };

  test("are its id, those that it shares and its own, in UTF-8", () => {
    const event = { id: "1", fixedHeaders: fixedHeaders({ "ce-type": "t" }), headers: { note: "grün" } };
    assert.equal(written(event), "NATS/1.0\r\nNats-Msg-Id: 1\r\nce-type: t\r\nnote: grün\r\n\r\n");
    assert.equal(written({ id: "2" }), "NATS/1.0\r\nNats-Msg-Id: 2\r\n\r\n");
  });

  test("cannot smuggle in another header", () => {
    assert.throws(() => fixedHeaders({ "a b": "x" }), /cannot be a header's name/);
    assert.throws(() => fixedHeaders({ a: "x\r\nb: y" }), /line break/);
    assert.throws(() => eventHeaders({ id: "1\nb: y" }), /line break/);
    assert.throws(() => eventHeaders({ id: "1", headers: { "a:": "x" } }), /cannot be a header's name/);
  });
});

describe("a delivery", () => {
  test("knows how often it was made, with and without domain and account", () => {
    assert.equal(deliveryCount("$JS.ACK.EVENTS.sink.3.120.45.1700000000000000000.7"), 3);
    assert.equal(deliveryCount("$JS.ACK.hub.ACC.EVENTS.sink.12.120.45.1700000000000000000.7"), 12);
    assert.equal(deliveryCount("$JS.ACK._.ACC.EVENTS.sink.1.120.45.1700000000000000000.7.r4nd0m"), 1);
  });
});
