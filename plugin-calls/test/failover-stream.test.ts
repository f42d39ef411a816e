import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createBreaker, HOOK_KINDS } from "@patchbay/model";
import { GrantSchema, HookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { createFakeClock } from "@patchbay/testkit";
import { createFailoverStream } from "../src/call/failover-stream.ts";
import { createGate } from "../src/call/gate.ts";
import type { StreamEnd, StreamListener } from "../src/channel/listen.ts";
import type { InstanceUse } from "../src/directory/instance-use.ts";
import type { HookedPlugin } from "../src/directory/plugin-directory.ts";
import type { PluginInstance } from "../src/directory/plugin-instance.ts";
import { opa } from "./support/calls.ts";

/** An instance whose streams the test plays. */
function fakeInstance(id: string, use: InstanceUse = "ready") {
  const open = new Set<StreamListener>();
  const instance: PluginInstance & { use: InstanceUse } = {
    id,
    use,
    reason: "",
    registration: opa({ instance: id }),
    breaker: createBreaker({ threshold: 5, minMs: 250, maxMs: 5_000 }),
    channel: {
      unary: () => Promise.reject(new Error("a stream only")),
      stream(_method, _request, listener) {
        open.add(listener);
        return { cancel: () => void open.delete(listener) };
      },
      close: () => undefined,
    },
  };
  return {
    instance,
    open,
    say(text: string) {
      for (const each of open) each.onMessage(Buffer.from(text));
    },
    end(reason: string) {
      for (const each of open) {
        open.delete(each);
        each.onEnd({ reason, hard: false });
      }
    },
  };
}

function start(...fakes: readonly ReturnType<typeof fakeInstance>[]) {
  const clock = createFakeClock();
  const told: string[] = [];
  const results: string[] = [];
  const granted = { deadlineMs: 200, concurrency: 0, hook: create(HookSchema, {}), grant: create(GrantSchema, {}) };
  const instances = fakes.map(({ instance }) => instance);
  const plugin: HookedPlugin = { namespace: "default", name: "names", granted, instances, calls: 0 };
  const stream = createFailoverStream({
    plugin,
    method: HOOK_KINDS.resolve.method,
    request: new Uint8Array(),
    key: "users",
    deadlineMs: 200,
    maxRetryMs: 1_000,
    restMs: 10,
    gate: createGate(64),
    clock,
    onResult: (result) => results.push(result),
    onMessage(message, instance) {
      told.push(`${instance} ${message.toString()}`);
      return message.toString() === "absent" ? 300 : undefined;
    },
    onBroken: ({ reason }: StreamEnd) => told.push(`broken: ${reason}`),
  });
  return { clock, told, results, stream, [Symbol.dispose]: () => stream.close() };
}

describe("a kept stream", () => {
  it("is open once, and passes on what differs from the message before", () => {
    const one = fakeInstance("one");
    using kept = start(one);
    for (const text of ["a", "a", "b"]) one.say(text);
    assert.deepEqual([kept.told, kept.results, one.open.size], [["one a", "one b"], ["answered"], 1]);
  });

  it("keeps a late stream, tells of the break once the deadline has passed, and takes its answer all the same", async () => {
    const one = fakeInstance("one");
    using kept = start(one);
    await kept.clock.advance(200);
    assert.deepEqual([kept.told, kept.results, one.open.size], [["broken: one: no answer within 0.2 s"], ["late"], 1]);
    one.say("a");
    assert.deepEqual(kept.told.at(-1), "one a");
  });

  it("moves to another instance before a break is told, and ends the slower of two that try", async () => {
    const both = [fakeInstance("one"), fakeInstance("two")] as const;
    using kept = start(...both);
    const [first, second] = both[0].open.size === 1 ? both : [both[1], both[0]];
    await kept.clock.advance(200);
    assert.deepEqual([first.open.size, second.open.size], [1, 1], "the late one is kept");
    second.say("a");
    assert.deepEqual([first.open.size, second.open.size], [0, 1]);
    second.end("it ended the stream");
    assert.deepEqual([kept.told.length, first.open.size], [1, 1], "nothing is told of the break");
  });

  it("rests without a stream for as long as the answer is good, then asks again", async () => {
    const one = fakeInstance("one");
    using kept = start(one);
    one.say("absent");
    await kept.clock.advance(299);
    assert.equal(one.open.size, 0);
    await kept.clock.advance(1);
    assert.equal(one.open.size, 1);
  });

  it("waits for news when no instance is ready, and is closed without a timer left", async () => {
    const one = fakeInstance("one", "starting");
    const kept = start(one);
    assert.deepEqual([kept.told, kept.clock.pending()], [["broken: no instance is ready"], 0]);
    one.instance.use = "ready";
    kept.stream.instancesChanged();
    assert.equal(one.open.size, 1);
    kept.stream.close();
    assert.deepEqual([one.open.size, kept.clock.pending()], [0, 0]);
  });
});
