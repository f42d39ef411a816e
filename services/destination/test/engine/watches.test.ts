import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { parseAuthority } from "@patchbay/model";
import { type ClientContext, ClientContextSchema } from "@patchbay/proto/mesh/common/v1/client_pb";
import { EndpointSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { createRecordingLog, eventually } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import fc from "fast-check";
import type { Answer } from "../../src/core/answer.ts";
import type { ResolverEvent } from "../../src/core/query.ts";
import type { ResolverSpec } from "../../src/core/resolver-spec.ts";
import { encodeUpdate, type Update } from "../../src/engine/update.ts";
import { createWatches, type Watches } from "../../src/engine/watches.ts";
import type { OnResolverEvent, Resolver } from "../../src/sources/resolver.ts";
import { said } from "../support/watcher.ts";

const nowhere: ClientContext = create(ClientContextSchema, { namespace: "default" });
const settings = { firstAnswerMs: 100, coalesceMs: 1, lingerMs: 20 };
const endpoints = (port: number): Answer => ({
  kind: "endpoints",
  endpoints: [create(EndpointSchema, { address: "127.0.0.1", port, weight: 1 })],
});

/** A resolver that answers as the test says. */
function puppet(name: string, order: number, more: Partial<ResolverSpec> = {}) {
  const tells = new Map<string, OnResolverEvent>();
  const spec: ResolverSpec = {
    name,
    order,
    failOpen: true,
    deadlineMs: 50,
    staleForMs: 50,
    usesContext: false,
    skips: () => undefined,
    ...more,
  };
  const resolver: Resolver = {
    spec,
    suffixes: [],
    status: () => ({ ready: true, reason: "" }),
    ask(query, tell) {
      tells.set(query.authority.key, tell);
      return () => tells.delete(query.authority.key);
    },
  };
  return {
    resolver,
    asked: () => [...tells.keys()],
    tell: (text: string, event: ResolverEvent) => tells.get(parseAuthority(text).key)?.(event),
    answer(text: string, answer: Answer) {
      this.tell(text, { kind: "answer", answer });
    },
  };
}

function start(...resolvers: Resolver[]): Watches {
  const watches = createWatches({ settings, log: noLog, now: Date.now, onChange: () => undefined });
  watches.setResolvers(resolvers);
  return watches;
}

function hold(watches: Watches, text: string, context: ClientContext = nowhere) {
  const got: Update[] = [];
  const leave = watches.subscribe(parseAuthority(text), context, { deliver: (update) => got.push(update) });
  return { got, leave, texts: () => got.map(({ message }) => said(message)) };
}

describe("watched authorities", () => {
  it("that nobody watches any more do not pile up, however fast names come and go", () => {
    const a = puppet("a", 1);
    const watches = start(a.resolver);
    const kept = hold(watches, "kept");
    for (let index = 0; index < 1_500; index++) hold(watches, `passing-${index}`).leave();
    assert.deepEqual(watches.count(), { authorities: 1_001, subscribers: 1 });
    assert.equal(a.asked().length, 1_001);
    kept.leave();
    hold(watches, "kept");
    assert.ok(a.asked().includes("kept.default.svc.cluster.local:80"));
    watches.stop();
  });

  it("let changes of a moment travel together", async () => {
    const a = puppet("a", 1);
    const watches = start(a.resolver);
    const users = hold(watches, "users");
    for (let port = 1; port <= 50; port++) a.answer("users", endpoints(port));
    await eventually(() => users.got.length === 1);
    assert.deepEqual(users.texts(), ["endpoints 50 by a"]);
    watches.stop();
  });

  it("send nothing when nothing changed", async () => {
    const [a, b] = [puppet("a", 1), puppet("b", 2)];
    const watches = start(a.resolver, b.resolver);
    const users = hold(watches, "users");
    a.answer("users", endpoints(1));
    await eventually(() => users.got.length === 1);
    b.answer("users", endpoints(2));
    a.answer("users", endpoints(1));
    // Changes are settled for all at once, and there is one for this.
    const other = hold(watches, "other");
    a.answer("other", endpoints(3));
    await eventually(() => other.got.length === 1);
    assert.equal(users.got.length, 1);
    watches.stop();
  });

  it("are encoded once for everybody", async () => {
    const a = puppet("a", 1);
    const watches = start(a.resolver);
    const many = Array.from({ length: 100 }, () => hold(watches, "users"));
    a.answer("users", endpoints(1));
    await eventually(() => many.every(({ got }) => got.length === 1));
    assert.equal(new Set(many.map(({ got }) => got[0]?.envelope)).size, 1);
    const late = hold(watches, "users.default.svc");
    assert.equal(late.got[0], many[0]?.got[0]);
    watches.stop();
  });

  it("stay watched for a moment after the last has left, and are forgotten then", async () => {
    const a = puppet("a", 1);
    const watches = start(a.resolver);
    hold(watches, "users").leave();
    assert.equal(a.asked().length, 1);
    hold(watches, "users").leave();
    await eventually(() => a.asked().length === 0);
    assert.deepEqual(watches.count(), { authorities: 0, subscribers: 0 });
    watches.stop();
  });

  it("survive a resolver that throws", async () => {
    const log = createRecordingLog();
    const watches = createWatches({ settings, log, now: Date.now, onChange: () => undefined });
    const bad: Resolver = {
      ...puppet("bad", 1).resolver,
      ask() {
        throw new Error("a mistake");
      },
    };
    const good = puppet("good", 2);
    watches.setResolvers([bad, good.resolver]);
    const users = hold(watches, "users");
    good.answer("users", endpoints(1));
    await eventually(() => users.got.length === 1);
    assert.equal(log.records.length, 1);
    watches.stop();
  });

  it("are watched apart by context as soon as a resolver's answer depends on it", async () => {
    const plain = puppet("plain", 2);
    const watches = start(plain.resolver);
    const zone = (name: string) => create(ClientContextSchema, { namespace: "default", zone: name });
    const [a, b] = [hold(watches, "users", zone("a")), hold(watches, "users", zone("b"))];
    plain.answer("users", endpoints(1));
    await eventually(() => a.got.length === 1 && b.got.length === 1);
    const contextual: Resolver = {
      ...puppet("contextual", 1, { usesContext: true }).resolver,
      ask(query, tell) {
        tell({ kind: "answer", answer: endpoints(query.asker.context?.zone === "a" ? 11 : 12) });
        return () => undefined;
      },
    };
    watches.setResolvers([plain.resolver, contextual]);
    await eventually(() => a.got.length === 2 && b.got.length === 2);
    assert.deepEqual([a.texts()[1], b.texts()[1]], ["endpoints 11 by contextual", "endpoints 12 by contextual"]);
    assert.equal(watches.count().subscribers, 2);
    watches.stop();
  });
});

// The invariant: after any sequence of events, Explain returns exactly what a watcher holds.

const names = ["a.test", "b.test", "c.test"] as const;
const anyAnswer: fc.Arbitrary<Answer> = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map(endpoints),
  fc.constantFrom<Answer>({ kind: "absent" }, { kind: "empty" }, { kind: "failed", message: "no" }),
  fc.constantFrom(...names).map((name): Answer => ({ kind: "rewrite", authority: parseAuthority(name) })),
);
const anyEvent: fc.Arbitrary<ResolverEvent> = fc.oneof(
  { arbitrary: anyAnswer.map((answer): ResolverEvent => ({ kind: "answer", answer })), weight: 4 },
  fc.boolean().map((hard): ResolverEvent => ({ kind: "broken", reason: "broke", hard })),
);
const command = fc.record({
  what: fc.constantFrom("tell", "tell", "tell", "join", "leave", "wait"),
  resolver: fc.nat({ max: 1 }),
  name: fc.constantFrom(...names),
  event: anyEvent,
});

describe("an explanation", () => {
  it("equals what every watcher holds, whatever happened before", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 30 }), async (commands) => {
        const resolvers = [puppet("first", 1), puppet("second", 2)];
        const watches = start(...resolvers.map(({ resolver }) => resolver));
        const held = new Map<string, ReturnType<typeof hold>[]>(names.map((name) => [name, [hold(watches, name)]]));
        for (const { what, resolver, name, event } of commands) {
          if (what === "tell") resolvers[resolver]?.tell(name, event);
          else if (what === "join") held.get(name)?.push(hold(watches, name));
          else if (what === "leave") held.get(name)?.pop()?.leave();
          else await sleep(3);
        }
        for (const [name, watchers] of held)
          await compare(
            watches,
            name,
            watchers.map(({ got }) => got),
          );
        watches.stop();
      }),
      { numRuns: 40 },
    );
  });
});

async function compare(watches: Watches, name: string, received: readonly Update[][]): Promise<void> {
  const { update, evaluation, watchers } = await watches.explain(parseAuthority(name), nowhere);
  assert.equal(watchers, received.length);
  for (const updates of received) assert.equal(updates.at(-1), update);
  if (evaluation.pending) return;
  // The steps come from the evaluation that made the message.
  const again = encodeUpdate(update.message.authority, evaluation);
  assert.equal(again.version, update.version);
  const stops = evaluation.steps.filter(({ effect }) => effect === "stop").map(({ resolver }) => resolver);
  for (const branch of evaluation.branches)
    if (branch.resolver !== "") assert.ok(stops.includes(branch.resolver), name);
}
