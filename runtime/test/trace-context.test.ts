import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encodeRequest, encodeSpan } from "../src/trace/otlp-encode.ts";
import { createSampler } from "../src/trace/sampler.ts";
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from "../src/trace/trace-context.ts";
import { readTraceSettings } from "../src/trace/trace-settings.ts";
import { decode, type ReceivedSpan } from "./support/otlp-receiver.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("a traceparent field", () => {
  it("is read as W3C Trace Context has it", () => {
    const sampled = { traceId: TRACE, spanId: SPAN, sampled: true };
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), sampled);
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { ...sampled, sampled: false });
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-03`), sampled, "flags that are not known yet");
    assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes-later`), sampled, "a later version");
  });

  const malformed = [
    "",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-0g`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01-${"x".repeat(1_000)}`,
  ];
  for (const text of malformed) {
    it(`is not used when it is "${text.slice(0, 70)}"`, () => assert.equal(parseTraceparent(text), undefined));
  }

  it("comes out as it went in", () => {
    fc.assert(
      fc.property(fc.boolean(), (sampled) => {
        const context = { traceId: newTraceId(), spanId: newSpanId(), sampled };
        assert.deepEqual(parseTraceparent(formatTraceparent(context)), context);
      }),
    );
  });

  it("may be any text without doing harm", () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseTraceparent(text)));
  });
});

describe("which traces are kept", () => {
  it("follows whoever began the trace", () => {
    const { keeps } = createSampler({ parentBased: true, ratio: 0.5 });
    assert.equal(keeps(TRACE, { traceId: TRACE, spanId: SPAN, sampled: true }), true);
    assert.equal(keeps(TRACE, { traceId: TRACE, spanId: SPAN, sampled: false }), false);
  });

  it("is the given share of those that begin here, decided by their ID alone", () => {
    const { keeps } = createSampler({ parentBased: true, ratio: 0.25 });
    const ids = Array.from({ length: 4_000 }, newTraceId);
    const kept = ids.filter((id) => keeps(id, undefined));
    assert.ok(kept.length > 800 && kept.length < 1_200, `${kept.length} of 4000`);
    assert.deepEqual(
      ids.filter((id) => keeps(id, undefined)),
      kept,
    );
    const none = createSampler({ parentBased: true, ratio: 0 });
    assert.ok(!ids.some((id) => none.keeps(id, undefined)));
  });
});

describe("OpenTelemetry's variables", () => {
  it("make no traces without an endpoint, or when they say so", () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = "http://localhost:4318";
    for (const env of [
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
      { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "none" },
      { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "true" },
    ])
      assert.deepEqual(readTraceSettings(env), { settings: undefined, problems: [] });
  });

  it("say where to: a base, or the very address", () => {
    const url = (env: Record<string, string>) => readTraceSettings(env).settings?.url.href;
    assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }), "http://c:4318/v1/traces");
    assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp/" }), "https://c/otlp/v1/traces");
    const both = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t:4318/in",
    };
    assert.equal(url(both), "http://t:4318/in");
  });

  it("give fields for the collector, and say which ones they are not", () => {
    const { settings, problems } = readTraceSettings({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "X-Key=a%20b, tenant=shop,secret-without-name,bad=a%0ab",
    });
    assert.deepEqual(settings?.headers, { "x-key": "a b", tenant: "shop" });
    assert.equal(problems.length, 2);
    assert.ok(!problems.join().includes("secret"), "no value is shown");
  });

  const wrong: readonly (readonly [string, Record<string, string>])[] = [
    ["an endpoint that is no URL", { OTEL_EXPORTER_OTLP_ENDPOINT: "c:4318" }],
    ["another protocol", { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4317" }],
  ];
  for (const [what, env] of wrong) {
    it(`make no traces with ${what}, and say why`, () => {
      const { settings, problems } = readTraceSettings(env);
      assert.equal(settings, undefined);
      assert.equal(problems.length, 1);
    });
  }

  it("choose the sampler; a wrong one keeps everything and is named", () => {
    const sampler = (name: string, arg = "0.1") =>
      readTraceSettings({
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318",
        OTEL_TRACES_SAMPLER: name,
        OTEL_TRACES_SAMPLER_ARG: arg,
      });
    assert.deepEqual(sampler("").settings?.sampler, { parentBased: true, ratio: 0.1 });
    assert.deepEqual(sampler("always_on").settings?.sampler, { parentBased: false, ratio: 1 });
    assert.deepEqual(sampler("parentbased_always_off").settings?.sampler, { parentBased: true, ratio: 0 });
    assert.deepEqual(sampler("traceidratio", "").settings?.sampler, { parentBased: false, ratio: 1 });
    for (const bad of [sampler("jaeger_remote"), sampler("traceidratio", "7"), sampler("traceidratio", "half")]) {
      assert.equal(bad.settings?.sampler.ratio, 1);
      assert.equal(bad.problems.length, 1);
    }
  });
});

describe("a request to a collector", () => {
  const expected: Omit<ReceivedSpan, "service" | "namespace"> = {
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: "00f067aa0ba902b7",
    traceState: "vendor=1",
    name: "GET /cart",
    kind: "client",
    start: 1_700_000_000_123_456_000n,
    end: 1_700_000_001_000_005_000n,
    attributes: { "http.request.method": "GET", "http.response.status_code": 503, ok: true, share: 0.5 },
    events: [{ name: "retry", attributes: { reason: "reset" } }],
    error: "503",
  };

  it("is read by the tests as OpenTelemetry's library writes it", () => {
    const url = new URL("fixtures/otlp-request.json", import.meta.url);
    const { base64 } = JSON.parse(readFileSync(url, "utf8")) as { base64: string };
    // Its enum has the kinds of the API, which are one less than those on the wire.
    assert.deepEqual(decode(Buffer.from(base64, "base64")), [{ service: "web", namespace: "shop", ...expected }]);
  });

  it("carries a span with all that belongs to it", () => {
    const bytes = encodeSpan({
      ...expected,
      kind: "client",
      sampled: true,
      startedAt: 1_700_000_000_123.456,
      endedAt: 1_700_000_001_000.005,
      events: [{ name: "retry", at: 1_700_000_000_500, attributes: { reason: "reset", unknown: undefined } }],
    });
    const source = { name: "web", namespace: "shop", instance: "web-1", version: "0.1.0" };
    const request = encodeRequest([{ source, spans: [bytes] }]);
    assert.deepEqual(decode(request), [{ service: "web", namespace: "shop", ...expected }]);
  });

  it("carries any text and number as it is, and cuts what nobody would read", () => {
    // Half a surrogate pair is no text: it comes out as the replacement character.
    const text = fc.string({ unit: "grapheme", maxLength: 1_100 });
    const number = fc
      .oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
      .map((n) => n || 0);
    const attributes = fc.dictionary(fc.string({ minLength: 1, maxLength: 40 }), fc.oneof(text, number, fc.boolean()));
    const cut = (value: string): string => (value.length <= 1_024 ? value : `${value.slice(0, 1_023)}…`.toWellFormed());
    fc.assert(
      fc.property(attributes, text, fc.array(attributes, { maxLength: 4 }), (values, name, events) => {
        const span = {
          ...expected,
          kind: "server" as const,
          sampled: false,
          startedAt: 1,
          endedAt: 0,
          name,
          attributes: values,
          events: events.map((each) => ({ name: "retry", at: 1, attributes: each })),
        };
        const source = { name: "web", namespace: "", instance: "", version: "" };
        const [seen] = decode(encodeRequest([{ source, spans: [encodeSpan(span)] }]));
        const kept = (all: typeof values) =>
          Object.fromEntries(
            Object.entries(all).map(([key, value]) => [key, typeof value === "string" ? cut(value) : value]),
          );
        assert.equal(seen?.name, cut(name));
        assert.deepEqual({ ...seen?.attributes }, kept(values));
        assert.deepEqual(
          seen?.events.map((event) => ({ ...event.attributes })),
          events.map(kept),
        );
        assert.equal(seen?.end, seen?.start);
      }),
      { numRuns: 60 },
    );
  });
});
