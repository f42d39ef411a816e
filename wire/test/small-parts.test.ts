import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createBackoff, errorMessage, pause } from "@patchbay/model";
import fc from "fast-check";
import { type CloudEventAttributes, cloudEventHeaders, readCloudEvent } from "../src/cloudevent.ts";
import {
  endpointSubject,
  pluginSubject,
  reportSubject,
  STREAM_SUBJECTS,
  STREAMS,
  sloSubject,
  subjectToken,
} from "../src/subjects.ts";

describe("a backoff", () => {
  test("doubles up to its maximum and begins again after a success", () => {
    const backoff = createBackoff({ minMs: 100, maxMs: 1000, random: () => 0 });
    const waits = Array.from({ length: 6 }, () => backoff.next());
    assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
    backoff.reset();
    assert.equal(backoff.next(), 100);
  });

  test("differs by up to a half", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        const wait = createBackoff({ minMs: 100, maxMs: 1000, random: () => random }).next();
        assert.ok(wait >= 50 && wait <= 100);
      }),
    );
  });

  test("pauses end early, without an error, when the signal says so", async () => {
    const controller = new AbortController();
    const waiting = pause(60_000, controller.signal);
    controller.abort();
    await waiting;
    await pause(60_000, controller.signal);
  });
});

test("errorMessage has something to say about anything", () => {
  assert.equal(errorMessage(new Error("why")), "why");
  assert.equal(errorMessage("text"), "text");
  assert.equal(errorMessage(new AggregateError([new Error("connect ECONNREFUSED")])), "connect ECONNREFUSED");
  assert.equal(errorMessage({ toString: {} }), "unknown error ({ toString: {} })");
  fc.assert(fc.property(fc.anything(), (value) => errorMessage(value).length > 0));
});

describe("a CloudEvent", () => {
  const text = fc.string({ minLength: 1, unit: "grapheme" });
  const event: fc.Arbitrary<CloudEventAttributes> = fc.record(
    {
      id: text,
      source: text,
      type: text,
      time: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(1e14) }),
      subject: fc.string({ unit: "grapheme" }),
      dataschema: text,
    },
    { requiredKeys: ["id", "source", "type", "time"] },
  );

  test("comes out of its headers as it went in", () => {
    fc.assert(
      fc.property(event, (e) => {
        assert.deepEqual(readCloudEvent(new Map(Object.entries(cloudEventHeaders(e)))), { ...e });
      }),
    );
  });

  test("has headers of printable ASCII only", () => {
    fc.assert(
      fc.property(event, (e) => Object.values(cloudEventHeaders(e)).every((value) => /^[\x21-\x7e]*$/.test(value))),
    );
  });

  test("is none without its required attributes", () => {
    const whole = cloudEventHeaders({ id: "1", source: "/a", type: "t", time: new Date(0) });
    for (const name of ["ce-id", "ce-source", "ce-type", "ce-time"]) {
      assert.equal(readCloudEvent(new Map(Object.entries({ ...whole, [name]: "" }))), undefined);
    }
  });
});

describe("a subject", () => {
  test("has one token for each part, whatever the part contains", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.match(subjectToken(text), /^[\w:@+=~-]{1,256}$/);
        assert.equal(reportSubject(text, text).split(".").length, 6);
        assert.equal(endpointSubject(text).split(".").length, 5);
      }),
    );
  });

  test("lies in the stream of its class", () => {
    const [prefix] = STREAM_SUBJECTS[STREAMS.report];
    assert.ok(reportSubject("default", "web").startsWith(prefix.slice(0, -1)));
    assert.equal(reportSubject("default", ""), "mesh.event.report.standard.default.-");
    assert.equal(pluginSubject("a"), "mesh.event.plugin.a");
    assert.equal(sloSubject("default", "checkout"), "mesh.event.slo.standard.default.checkout");
  });
});
