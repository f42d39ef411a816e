import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { parseAuthority } from "@patchbay/model";
import { EndpointSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import fc from "fast-check";
import type { Answer } from "../../src/core/answer.ts";
import { type Chain, createChain, type Watched } from "../../src/core/chain.ts";
import { anyClient, clientKey } from "../../src/core/client-key.ts";
import type { ResolverEvent } from "../../src/core/query.ts";
import type { Evaluation } from "../../src/core/resolution.ts";
import type { ResolverSpec } from "../../src/core/resolver-spec.ts";
import { createModel, type Model, modelHear, modelId, modelResult, modelSettle } from "../model.ts";

const resolver = (name: string, order: number, more: Partial<ResolverSpec> = {}): ResolverSpec => ({
  name,
  order,
  failOpen: false,
  deadlineMs: 2_000,
  staleForMs: 2_000,
  usesContext: false,
  skips: () => undefined,
  ...more,
});

const endpoints = (...ports: number[]): Answer => ({
  kind: "endpoints",
  endpoints: ports.map((port) => create(EndpointSchema, { address: "127.0.0.1", port, weight: 1 })),
});
const answer = (given: Answer): ResolverEvent => ({ kind: "answer", answer: given });
const broken = (hard = false): ResolverEvent => ({ kind: "broken", reason: "connection reset", hard });
const absent = answer({ kind: "absent" });
const rewrite = (to: string): ResolverEvent => answer({ kind: "rewrite", authority: parseAuthority(to) });

/** A chain that is driven by hand: `tell` says what a resolver says, `at` moves the time. */
function drive(...resolvers: ResolverSpec[]) {
  const chain = createChain();
  chain.setResolvers(resolvers);
  let now = 1_000;
  const users = parseAuthority("users");
  const watched = chain.watch(users, anyClient);
  const opened: string[] = [];
  const closed: string[] = [];
  const settle = (): Evaluation => {
    const done = chain.settle(now);
    opened.push(...done.opened.map((query) => query.id));
    closed.push(...done.closed);
    assert.ok(watched.evaluation);
    return watched.evaluation;
  };
  settle();
  return {
    chain,
    opened,
    closed,
    settle,
    tell(name: string, event: ResolverEvent, authority = "users") {
      chain.hear(`${name} ${parseAuthority(authority).key} `, event, now);
      return settle();
    },
    after(ms: number) {
      now += ms;
      return settle();
    },
  };
}

const outcomes = (evaluation: Evaluation) =>
  evaluation.branches.map((branch) => `${branch.outcome} by ${branch.resolver || "nobody"}`);
const effects = (evaluation: Evaluation) =>
  evaluation.steps.map((step) => `${step.resolver} ${step.answer} ${step.effect}`);

describe("a chain of resolvers", () => {
  it("asks all resolvers together and lets order decide, equal order by name", () => {
    const mesh = drive(resolver("late", 9), resolver("b", 5), resolver("a", 5));
    assert.deepEqual(
      mesh.opened.map((id) => id.split(" ")[0]),
      ["a", "b", "late"],
    );
    mesh.tell("late", answer(endpoints(3)));
    mesh.tell("b", answer(endpoints(2)));
    const result = mesh.tell("a", answer(endpoints(1)));
    assert.deepEqual(outcomes(result), ["endpoints by a"]);
    assert.deepEqual(effects(result), ["a endpoints stop", "b endpoints unused", "late endpoints unused"]);
  });

  it("gives no result before each resolver that is needed has answered", () => {
    const mesh = drive(resolver("a", 1), resolver("b", 2));
    const waiting = mesh.tell("b", answer(endpoints(2)));
    assert.equal(waiting.pending, true);
    assert.deepEqual(effects(waiting), ["a pending wait", "b endpoints unused"]);
    assert.deepEqual(outcomes(mesh.tell("a", absent)), ["endpoints by b"]);
  });

  it("stops at empty and goes on at absent", () => {
    const mesh = drive(resolver("a", 1), resolver("b", 2));
    mesh.tell("b", answer(endpoints(2)));
    assert.deepEqual(outcomes(mesh.tell("a", answer({ kind: "empty" }))), ["empty by a"]);
    assert.deepEqual(outcomes(mesh.tell("a", absent)), ["endpoints by b"]);
  });

  it("stops at failed, or goes on when the resolver fails open", () => {
    const failure = answer({ kind: "failed", message: "no" });
    const failClosed = drive(resolver("a", 1), resolver("b", 2));
    failClosed.tell("b", answer(endpoints(2)));
    assert.deepEqual(outcomes(failClosed.tell("a", failure)), ["failed by a"]);
    const failOpen = drive(resolver("a", 1, { failOpen: true }), resolver("b", 2));
    failOpen.tell("b", answer(endpoints(2)));
    assert.deepEqual(outcomes(failOpen.tell("a", failure)), ["endpoints by b"]);
  });

  it("is plain egress when nobody knows the name, and says who failed on the way", () => {
    const mesh = drive(resolver("a", 1, { failOpen: true }), resolver("b", 2));
    mesh.tell("a", broken(true));
    const result = mesh.tell("b", absent);
    assert.deepEqual(outcomes(result), ["absent by nobody"]);
    assert.match(result.branches[0]?.reason ?? "", /no resolver knows users; a: does not answer/);
  });

  it("starts again under another authority, which all resolvers are asked for", () => {
    const mesh = drive(resolver("a", 1), resolver("b", 2));
    mesh.tell("a", rewrite("people"));
    assert.deepEqual(mesh.opened.length, 4);
    mesh.tell("a", absent, "people");
    const result = mesh.tell("b", answer(endpoints(7)), "people");
    assert.deepEqual(outcomes(result), ["endpoints by b"]);
    assert.equal(result.branches[0]?.authority, "people.default.svc.cluster.local:80");
    assert.deepEqual(
      result.steps.map((step) => step.depth),
      [0, 0, 1, 1],
    );
  });

  it("never sends requests out of the mesh because of a rewrite that leads nowhere", () => {
    const mesh = drive(resolver("a", 1));
    mesh.tell("a", rewrite("evil.example"));
    assert.deepEqual(outcomes(mesh.tell("a", absent, "evil.example")), ["failed by nobody"]);
  });

  it("fails a cycle of rewrites", () => {
    const mesh = drive(resolver("a", 1));
    mesh.tell("a", rewrite("people"));
    const result = mesh.tell("a", rewrite("users"), "people");
    assert.deepEqual(outcomes(result), ["failed by a"]);
    assert.match(result.branches[0]?.reason ?? "", /a cycle: users\..* → people\..* → users\./);
    assert.equal(result.steps.at(-1)?.effect, "stop");
  });

  it("follows 16 rewrites and fails at the 17th", () => {
    const mesh = drive(resolver("a", 1));
    mesh.tell("a", rewrite("hop1.test"));
    for (let hop = 1; hop < 16; hop++) mesh.tell("a", rewrite(`hop${hop + 1}.test`), `hop${hop}.test`);
    assert.deepEqual(outcomes(mesh.tell("a", answer(endpoints(1)), "hop16.test")), ["endpoints by a"]);
    assert.deepEqual(outcomes(mesh.tell("a", rewrite("hop17.test"), "hop16.test")), ["failed by a"]);
  });

  it("keeps the weight of a branch that has nothing to offer", () => {
    const mesh = drive(resolver("a", 1));
    const targets = [
      { authority: parseAuthority("one"), weight: 90 },
      { authority: parseAuthority("two"), weight: 9 },
      { authority: parseAuthority("three"), weight: 1 },
    ];
    mesh.tell("a", answer({ kind: "split", targets }));
    mesh.tell("a", answer({ kind: "empty" }), "one");
    mesh.tell("a", absent, "two");
    const result = mesh.tell("a", answer(endpoints(3)), "three");
    assert.deepEqual(
      result.branches.map(({ weight, outcome }) => [weight, outcome]),
      [
        [90, "empty"],
        [9, "failed"],
        [1, "endpoints"],
      ],
    );
  });

  it("multiplies the shares of splits of splits", () => {
    const mesh = drive(resolver("a", 1));
    const split = (...names: string[]): ResolverEvent =>
      answer({ kind: "split", targets: names.map((name) => ({ authority: parseAuthority(name), weight: 5 })) });
    mesh.tell("a", split("one", "two"));
    mesh.tell("a", split("three", "four"), "one");
    assert.deepEqual(
      mesh.settle().branches.map(({ weight }) => weight),
      [250_000, 250_000, 500_000],
    );
  });

  it("does not let splits of splits grow without end", () => {
    const mesh = drive(resolver("a", 1));
    const wide = (prefix: string): ResolverEvent =>
      answer({
        kind: "split",
        targets: Array.from({ length: 64 }, (_, index) => ({
          authority: parseAuthority(`${prefix}${index}.test`),
          weight: 1,
        })),
      });
    mesh.tell("a", wide("x"));
    for (let index = 0; index < 64; index++) mesh.tell("a", wide(`y${index}-`), `x${index}.test`);
    const { branches } = mesh.settle();
    assert.ok(branches.length <= 256, `${branches.length} branches`);
    assert.ok(branches.some(({ outcome, reason }) => outcome === "failed" && /more than 256/.test(reason)));
  });

  it("counts a resolver that stays silent past its deadline as failed, and takes its later answer", () => {
    const mesh = drive(resolver("slow", 1, { failOpen: true, deadlineMs: 500 }), resolver("b", 2));
    mesh.tell("b", answer(endpoints(2)));
    assert.equal(mesh.after(499).pending, true);
    const late = mesh.after(1);
    assert.deepEqual(outcomes(late), ["endpoints by b"]);
    assert.equal(late.steps[0]?.detail, "no answer within 0.5 s");
    assert.deepEqual(outcomes(mesh.tell("slow", answer(endpoints(1)))), ["endpoints by slow"]);
  });

  it("keeps the last answer of a resolver that broke until staleFor has passed, then follows its failure policy", () => {
    const mesh = drive(resolver("a", 1, { failOpen: true }), resolver("b", 2));
    mesh.tell("b", answer(endpoints(2)));
    mesh.tell("a", answer(endpoints(1)));
    const kept = mesh.tell("a", broken());
    assert.deepEqual(outcomes(kept), ["endpoints by a"]);
    assert.equal(kept.branches[0]?.stale, true);
    mesh.after(1_500);
    assert.deepEqual(outcomes(mesh.tell("a", broken(true))), ["endpoints by a"], "a second break does not prolong it");
    assert.deepEqual(outcomes(mesh.after(500)), ["endpoints by b"]);
    assert.equal(mesh.tell("a", answer(endpoints(9))).branches[0]?.stale, false);
  });

  it("falls through at once when a resolver is taken away", () => {
    const b = resolver("b", 2);
    const mesh = drive(resolver("a", 1), b);
    mesh.tell("b", answer(endpoints(2)));
    mesh.tell("a", answer(endpoints(1)));
    mesh.chain.setResolvers([b]);
    assert.deepEqual(outcomes(mesh.settle()), ["endpoints by b"]);
    assert.equal(mesh.closed.length, 1);
  });

  it("marks what comes from an incomplete picture", () => {
    const mesh = drive(resolver("a", 1));
    const result = mesh.tell("a", { kind: "answer", answer: endpoints(1), partial: true });
    assert.equal(result.partial, true);
    assert.equal(result.pending, false);
  });

  it("lets a resolver that led to outside addresses veto them", () => {
    const vet = () => "8.8.8.8 lies outside of allowedNetworks";
    const mesh = drive(
      resolver("plugin", 1, { vet }),
      resolver("dns", 2, { outside: true, skips: (_, led) => (led ? undefined : "asked itself") }),
    );
    mesh.tell("plugin", rewrite("far.example"));
    mesh.tell("plugin", absent, "far.example");
    const result = mesh.tell("dns", answer(endpoints(1)), "far.example");
    assert.deepEqual(outcomes(result), ["failed by dns"]);
    assert.match(result.branches[0]?.reason ?? "", /plugin led here and may not: 8\.8\.8\.8/);
  });

  it("puts one query for however many watches, and closes it after the last", () => {
    const chain = createChain();
    chain.setResolvers([resolver("a", 1)]);
    const watches = Array.from({ length: 3 }, () => chain.watch(parseAuthority("users"), anyClient));
    assert.equal(chain.settle(0).opened.length, 1);
    for (const watch of watches.slice(1)) chain.unwatch(watch);
    assert.deepEqual(chain.settle(0).closed, []);
    for (const watch of watches.slice(0, 1)) chain.unwatch(watch);
    assert.equal(chain.settle(0).closed.length, 1);
    assert.equal(chain.queriesOf("a"), 0);
  });

  it("makes who asks part of the query only for resolvers whose answer depends on it", () => {
    const chain = createChain();
    chain.setResolvers([resolver("plain", 1), resolver("contextual", 2, { usesContext: true })]);
    const zone = (name: string) =>
      clientKey({ $typeName: "mesh.common.v1.ClientContext", namespace: "default", zone: name, labels: {} });
    const shared = chain.watch(parseAuthority("users"), anyClient);
    assert.equal(chain.settle(0).opened.length, 1);
    assert.equal(shared.evaluation?.usesContext, true);
    chain.watch(parseAuthority("users"), zone("a"));
    chain.watch(parseAuthority("users"), zone("b"));
    chain.watch(parseAuthority("users"), zone("b"));
    assert.deepEqual(
      chain.settle(0).opened.map((query) => query.resolver),
      ["contextual", "contextual"],
    );
  });
});

// The property: after any sequence of events, the incremental chain equals the naive model.

const names = ["a.test", "b.test", "c.test", "d.test"] as const;
const authorities = names.map((name) => parseAuthority(name));
const pool: readonly ResolverSpec[] = [
  resolver("w", 100, { deadlineMs: 300, staleForMs: 200 }),
  resolver("x", 500, { failOpen: true, deadlineMs: 500, staleForMs: 400 }),
  resolver("y", 500, {
    deadlineMs: 200,
    staleForMs: 300,
    skips: (authority) => (authority.host === "b.test" ? "not served" : undefined),
  }),
  resolver("z", 900, {
    failOpen: true,
    deadlineMs: 100,
    staleForMs: 100,
    skips: (_, led) => (led ? undefined : "asked itself"),
  }),
];

const index = (below: number) => fc.nat({ max: below - 1 });
const target = fc.record({ authority: fc.constantFrom(...authorities), weight: fc.nat({ max: 3 }) });
const anyAnswer: fc.Arbitrary<Answer> = fc.oneof(
  fc
    .uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
    .map((ports) => endpoints(...ports.sort((a, b) => a - b))),
  fc.constant<Answer>({ kind: "empty" }),
  { arbitrary: fc.constant<Answer>({ kind: "absent" }), weight: 3 },
  fc.constant<Answer>({ kind: "failed", message: "no" }),
  fc.constantFrom(...authorities).map((authority): Answer => ({ kind: "rewrite", authority })),
  fc
    .array(target, { minLength: 1, maxLength: 3 })
    .filter((targets) => targets.some(({ weight }) => weight > 0))
    .map((targets): Answer => ({ kind: "split", targets })),
);
const anyEvent: fc.Arbitrary<ResolverEvent> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      answer: anyAnswer,
      partial: fc.boolean(),
      stale: fc.boolean(),
    }),
    weight: 4,
  },
  fc.record({ kind: fc.constant("broken" as const), reason: fc.constant("broke"), hard: fc.boolean() }),
  fc.record({ kind: fc.constant("waiting" as const), reason: fc.constant("waits"), partial: fc.boolean() }),
);
type Command =
  | { readonly do: "watch" | "unwatch"; readonly name: number }
  | { readonly do: "tell"; readonly resolver: number; readonly name: number; readonly event: ResolverEvent }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "resolvers"; readonly kept: readonly boolean[] };
const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant("watch" as const), name: index(4) }), weight: 2 },
  fc.record({ do: fc.constant("unwatch" as const), name: index(4) }),
  {
    arbitrary: fc.record({ do: fc.constant("tell" as const), resolver: index(4), name: index(4), event: anyEvent }),
    weight: 8,
  },
  { arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 300 }) }), weight: 3 },
  fc.record({ do: fc.constant("resolvers" as const), kept: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }) }),
);

interface World {
  readonly chain: Chain;
  readonly model: Model;
  readonly watched: Map<string, Watched>;
  now: number;
}

function obey({ chain, model, watched, ...world }: World, step: Command): number {
  switch (step.do) {
    case "watch": {
      const authority = authorities[step.name];
      if (!authority || watched.has(authority.key)) break;
      watched.set(authority.key, chain.watch(authority, anyClient));
      model.watched.set(authority.key, authority);
      break;
    }
    case "unwatch": {
      const key = authorities[step.name]?.key ?? "";
      const held = watched.get(key);
      if (held) chain.unwatch(held);
      watched.delete(key);
      model.watched.delete(key);
      break;
    }
    case "tell": {
      const [name, key] = [pool[step.resolver]?.name ?? "", authorities[step.name]?.key ?? ""];
      chain.hear(`${name} ${key} `, step.event, world.now);
      modelHear(model, modelId(name, key), { at: world.now, event: step.event });
      break;
    }
    case "wait":
      return world.now + step.ms;
    case "resolvers":
      model.resolvers = pool.filter((_, at) => step.kept[at]);
      chain.setResolvers(model.resolvers);
  }
  return world.now;
}

function simplify({ branches, pending, partial }: Evaluation) {
  return {
    branches: branches.map(({ weight, authority, outcome, resolver: by, stale, endpoints: list }) => ({
      weight,
      authority,
      outcome,
      resolver: by,
      stale,
      addresses: list.map((endpoint) => `${endpoint.address}:${endpoint.port}`),
    })),
    pending,
    partial,
  };
}

function compare({ chain, model, watched, now }: World): void {
  for (const [key, { authority, evaluation }] of watched) {
    assert.ok(evaluation, key);
    const expected = modelResult(model, authority, now);
    assert.deepEqual(simplify(evaluation), expected);
    // Nothing changes by time alone before the evaluation says so.
    const justBefore = Math.min(evaluation.until - 1, now + 10_000);
    if (justBefore > now) assert.deepEqual(modelResult(model, authority, justBefore), expected);
    assert.ok(chain.dueAt() <= evaluation.until);
    checkExplanation(evaluation);
  }
}

/** The explanation tells the same story as the result. */
function checkExplanation({ steps, branches, pending }: Evaluation): void {
  const first = steps.filter((step) => step.depth === 0 && step.effect !== "next" && step.effect !== "unused");
  assert.ok(first.length <= 1, "one resolver decides");
  assert.equal(
    steps.some((step) => step.effect === "wait"),
    pending,
  );
  for (const branch of branches.filter((one) => one.outcome === "endpoints")) {
    const decider = steps.find(
      (step) => step.effect === "stop" && step.resolver === branch.resolver && step.authority === branch.authority,
    );
    assert.equal(decider?.endpoints, branch.endpoints.length);
  }
}

describe("the incremental chain", () => {
  it("equals the naive model for any sequence of events and times", () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) => {
        const world: World = { chain: createChain(), model: createModel(), watched: new Map(), now: 1_000 };
        world.model.resolvers = pool;
        world.chain.setResolvers(pool);
        for (const step of commands) {
          world.now = obey(world, step);
          world.chain.settle(world.now);
          modelSettle(world.model, world.now);
          compare(world);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
