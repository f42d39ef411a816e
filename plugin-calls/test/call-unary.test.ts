import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { AnswerError, HOOK_KINDS, rendezvousOrder } from "@patchbay/model";
import type { AuthorizeResponse } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import { type Span, type Tracer, withinTrace } from "@patchbay/runtime";
import { type InstanceInit, opa, startCalls } from "./support/calls.ts";
import { ALLOW, type Answer, startAuthorizer } from "./support/grpc-plugin.ts";

type Started = ReturnType<typeof startCalls>;

const hook = HOOK_KINDS.authorize;

function ask(
  { callUnary }: Started,
  { key = "key", read = ({ decision }: AuthorizeResponse): unknown => decision.case } = {},
) {
  const question = create(hook.method.input, { request: { path: key } });
  return callUnary({ hook, plugin: { namespace: "default", name: "opa" }, key, question, read });
}

const failsWith = (code: Code, text: RegExp) => (error: unknown) =>
  error instanceof ConnectError && error.code === code && text.test(error.rawMessage);

const never = new Promise<Answer>(() => undefined);
const long: InstanceInit = { hook: { deadline: durationFromMs(5_000) } };

describe("a question to a plugin", () => {
  it("reaches it with the core's proof, whatever proxy the environment names, and is counted", async () => {
    const before = process.env.http_proxy;
    process.env.http_proxy = "http://127.0.0.1:1";
    try {
      using plugin = await startAuthorizer(() => ALLOW);
      using started = startCalls([opa({ ...long, address: plugin.address })]);
      assert.equal(await ask(started), "allow");
      assert.deepEqual(plugin.fields[0]?.get("authorization"), ["Bearer secret of a"]);
      const text = await started.metrics.metrics();
      assert.match(text, /policy_hook_calls_total\{plugin="default\/opa",hook="authorize",result="answered",.*\} 1/);
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
  });

  it("fails at once when no instance with the hook is usable", async () => {
    using started = startCalls([]);
    await assert.rejects(
      ask(started),
      failsWith(Code.Unavailable, /^plugin default\/opa with the hook authorize is not there/),
    );
  });

  it("fails within the deadline, and at once when as many are under way as the plugin takes", async () => {
    using plugin = await startAuthorizer(() => never);
    const hook = { deadline: durationFromMs(150), concurrency: 1 };
    using started = startCalls([opa({ address: plugin.address, hook })]);
    const first = ask(started);
    await assert.rejects(ask(started), failsWith(Code.ResourceExhausted, /is asked 1 questions already$/));
    await assert.rejects(first, failsWith(Code.DeadlineExceeded, /^plugin default\/opa: a: no answer within \d+ ms$/));
    assert.equal(started.directory.find("authorize", "default", "opa")?.calls, 0);
  });

  it("goes on to another instance only when the first was not reached", async () => {
    using plugin = await startAuthorizer(() => ALLOW);
    using started = startCalls([opa({ ...long, instance: "away" }), opa({ ...long, address: plugin.address })]);
    const [first] = rendezvousOrder("0", ["a", "away"], (id) => id);
    const key =
      first === "away"
        ? "0"
        : (["1", "2", "3", "4", "5", "6", "7", "8", "9"].find(
            (each) => rendezvousOrder(each, ["a", "away"], (id) => id)[0] === "away",
          ) ?? assert.fail());
    assert.equal(await ask(started, { key }), "allow");
  });

  it("reaches a failing plugin no more once its breaker is open", async () => {
    using plugin = await startAuthorizer(() => Promise.reject(new Error("broken")));
    using started = startCalls([opa({ ...long, address: plugin.address })]);
    for (let i = 0; i < 5; i += 1) await assert.rejects(ask(started), failsWith(Code.Unavailable, /broken/));
    await assert.rejects(ask(started), failsWith(Code.Unavailable, /its breaker is open after failures in a row$/));
    assert.equal(plugin.asked.length, 5);
  });

  it("fails as INTERNAL when the answer is too long, no answer, or breaks the contract", async () => {
    const reason = "x".repeat(hook.maxAnswerBytes);
    using wordy = await startAuthorizer(() => ({ decision: { case: "deny", value: { reason } } }));
    using started = startCalls([opa({ ...long, address: wordy.address })]);
    await assert.rejects(ask(started), failsWith(Code.ResourceExhausted, /larger than max/));

    using odd = await startAuthorizer(() => new Uint8Array([255]));
    using other = startCalls([opa({ ...long, address: odd.address })]);
    await assert.rejects(
      ask(other),
      failsWith(Code.Internal, /^plugin default\/opa: it sent bytes that are no answer$/),
    );

    using plain = await startAuthorizer(() => ALLOW);
    using third = startCalls([opa({ ...long, address: plain.address })]);
    const read = (): never => {
      throw new AnswerError("its answer will not do");
    };
    await assert.rejects(
      ask(third, { read }),
      failsWith(Code.Internal, /^plugin default\/opa: its answer will not do$/),
    );
  });

  it("carries on the trace of the call that is being answered, with a span of its own", async () => {
    using plugin = await startAuthorizer(() => ALLOW);
    using started = startCalls([opa({ ...long, address: plugin.address })]);
    const context = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled: true };
    const spans: Span[] = [];
    const tracer: Tracer = {
      begin: () => ({ ...context, spanId: "00f067aa0ba902b7" }),
      end: (span) => spans.push(span),
    };
    await withinTrace({ context, traceState: "vendor=1", tracer, over: false }, () => ask(started));
    await ask(started);
    const fields = plugin.fields.map((each) => [...each.get("traceparent"), ...each.get("tracestate")]);
    assert.deepEqual(fields, [["00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", "vendor=1"], []]);
    const [span = assert.fail()] = spans;
    assert.deepEqual(
      [span.name, span.parentSpanId, span.attributes["rpc.system"], span.attributes["rpc.grpc.status_code"]],
      ["mesh.plugin.v1.Authorizer/Authorize", "b7ad6b7169203331", "grpc", 0],
    );
    assert.equal(spans.length, 1);
  });
});
