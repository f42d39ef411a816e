import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { createFakeClock, eventually } from "@patchbay/testkit";
import { absentAnswer } from "../../../client/test/support/destination.ts";
import type { RequestHead } from "../../src/core/http/request-head.ts";
import type { Route } from "../../src/core/types.ts";
import { authorityOf, hostOf, prefix, rulesFor, type SteeredWorld, share, startSteered } from "../support/steering.ts";

const NONE: ReadonlySet<string> = new Set();

function head(path: string, change: Partial<RequestHead> = {}): RequestHead {
  return {
    method: "GET",
    path,
    authority: "users",
    headers: [],
    length: 0,
    upgrade: "",
    expectsContinue: false,
    trailers: false,
    grpc: false,
    announced: "",
    visited: "",
    ...change,
  };
}

function mesh(route: Route) {
  assert.equal(route.kind, "mesh", JSON.stringify(route));
  return route;
}

function refused(route: Route) {
  assert.equal(route.kind, "refused");
  return route;
}

function portOf(route: Route): number | undefined {
  const pick = mesh(route).pick(NONE);
  pick?.end(undefined);
  return pick?.endpoint.port;
}

describe("routes by rules", () => {
  let world: SteeredWorld;
  const route = (path: string, change?: Partial<RequestHead>): Promise<Route> =>
    world.router.route("users", head(path, change));

  beforeEach(async () => {
    world = await startSteered({ users: [1001], "users-next": [1002] });
  });
  afterEach(() => world[Symbol.asyncDispose]());

  test("a target without rules is routed as ever, by the very same object", async () => {
    const first = await route("/");
    assert.equal(mesh(first).steering, undefined);
    assert.equal(await route("/b"), first);
    assert.deepEqual([...world.policy.followed], [hostOf("users")]);
  });

  test("names that are no service's have no rules, and nobody is asked for them", async () => {
    world.destination.say("www.example.com:80", absentAnswer("www.example.com:80"));
    assert.equal((await world.router.route("www.example.com", head("/"))).kind, "egress");
    assert.equal(world.policy.followed.size, 0);
  });

  test("the first match decides; its backend is called by its own name beside the target's", async () => {
    world.policy.say(
      rulesFor(
        "users",
        [{ backends: [share("users-next", 1)] }, {}],
        [
          { rule: 0, path: prefix("/next") },
          { rule: 1, path: prefix("/") },
        ],
      ),
    );
    const next = mesh(await route("/next/1"));
    assert.deepEqual([portOf(next), next.target, next.backend], [1002, "users", "users-next"]);
    const own = mesh(await route("/other"));
    assert.deepEqual([portOf(own), own.target, own.backend], [1001, "users", ""]);
  });

  test("decides on the normalised path, and that is the one passed on", async () => {
    world.policy.say(
      rulesFor("users", [{ backends: [share("users-next", 1)] }], [{ rule: 0, path: prefix("/admin") }]),
    );
    for (const path of ["/%61dmin/x?q=1", "/./admin//x?q=1", "/public/../admin/x?q=1"]) {
      const found = mesh(await route(path));
      assert.equal(found.backend, "users-next");
      assert.equal(found.steering?.head.path, "/admin/x?q=1");
    }
  });

  test("no match is 404, all weights 0 is 500, and both say which they are", async () => {
    world.policy.say(
      rulesFor(
        "users",
        [{ backends: [share("users", 0), share("users-next", 0)] }],
        [{ rule: 0, path: prefix("/zero") }],
      ),
    );
    const { status, code } = refused(await route("/none"));
    assert.deepEqual([status, code], [404, "no-route"]);
    const zero = refused(await route("/zero"));
    assert.deepEqual([zero.status, zero.code], [500, "no-backend"]);
    assert.match(zero.reason, /HTTPRoute default\/users, rule 1/);
  });

  test("weights up to the largest number keep their shares", async () => {
    world.policy.say(
      rulesFor("users", [{ backends: [share("users", 4_294_967_295), share("users-next", 4_294_967_295)] }]),
    );
    let next = 0;
    for (let i = 0; i < 400; i += 1) if (portOf(await route("/")) === 1002) next += 1;
    assert.ok(next > 100 && next < 300, `${next}`);
  });

  test("a backend that nobody serves keeps its share, and its requests fail with 503", async () => {
    world.serve("gone", []);
    world.destination.say(authorityOf("never"), absentAnswer(authorityOf("never")));
    world.policy.say(rulesFor("users", [{ backends: [share("gone", 1)] }]));
    const empty = mesh(await route("/"));
    assert.equal(empty.pick(NONE), undefined);
    assert.match(empty.reason, /nobody serves gone/);
    world.policy.say(rulesFor("users", [{ backends: [share("never", 1)] }]));
    const absent = refused(await route("/"));
    assert.deepEqual([absent.status, absent.code, absent.target], [503, "no-endpoint", "users"]);
    assert.equal(absent.backend, empty.backend?.replace("gone", "never"), "it is counted where it would have gone");
  });

  test("rules that lead to each other are no circle: a backend's own rules have no say", async () => {
    world.policy.say(
      rulesFor("users", [{ backends: [share("users-next", 1)] }]),
      rulesFor("users-next", [{ backends: [share("users", 1)] }]),
    );
    assert.equal(portOf(await route("/")), 1002);
    assert.equal(portOf(await world.router.route("users-next", head("/"))), 1001);
  });

  test("for bytes that nobody looks into, only a rule without conditions counts, and a lack of one is no refusal", async () => {
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }], [{ rule: 0, path: prefix("/a") }]));
    assert.equal(portOf(await world.router.route("users")), 1001);
    world.policy.say(
      rulesFor(
        "users",
        [{ backends: [share("users", 1)] }, { backends: [share("users-next", 1)] }],
        [
          { rule: 0, method: "GET" },
          { rule: 1, path: prefix("/") },
        ],
      ),
    );
    const found = mesh(await world.router.route("users"));
    assert.deepEqual([portOf(found), found.backend, found.steering], [1002, "users-next", undefined]);
  });

  test("rules that cannot be followed leave those before in force", async () => {
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    assert.equal(portOf(await route("/")), 1002);
    world.policy.say(rulesFor("users", [{}], [{ rule: 7 }]));
    assert.equal(portOf(await route("/")), 1002);
  });

  test("rules that go leave the target as it was", async () => {
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    assert.equal(portOf(await route("/")), 1002);
    world.policy.say(rulesFor("users", []));
    assert.equal(mesh(await route("/")).steering, undefined);
    assert.equal(portOf(await route("/")), 1001);
  });
});

describe("the first request for a name", () => {
  test("waits for its rules, and for no longer than it has to when they do not come", async () => {
    await using world = await startSteered({ users: [1001], "users-next": [1002] }, { routerLimits: { rulesMs: 20 } });
    const answer = Promise.withResolvers<undefined>();
    world.policy.unknown = answer.promise;
    assert.equal(portOf(await world.router.route("users", head("/"))), 1001);
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    assert.equal(portOf(await world.router.route("users", head("/"))), 1002);
    answer.resolve(undefined);
  });

  test("goes by its rules when they come while it waits", async () => {
    await using world = await startSteered({ "users-next": [1002] });
    const answer = Promise.withResolvers<undefined>();
    world.policy.unknown = answer.promise;
    const waiting = world.router.route("users", head("/"));
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    answer.resolve(undefined);
    assert.equal(portOf(await waiting), 1002);
  });
});

describe("names of backends", () => {
  test("stay watched as long as the name that leads to them is used, and go with it", async () => {
    const clock = createFakeClock();
    const options = { routerLimits: { idleMs: 300 }, clock };
    await using world = await startSteered({ users: [1001], "users-next": [1002] }, options);
    world.policy.say(rulesFor("users", [{ backends: [share("users", 1), share("users-next", 0)] }]));
    for (let i = 0; i < 45; i += 1) {
      await world.router.route("users", head("/"));
      await clock.advance(10);
    }
    assert.equal(world.router.names(), 2);
    await clock.advance(400);
    await eventually("all are forgotten", () => Promise.resolve(world.router.names() === 0));
    assert.equal(world.policy.followed.size, 0);
  });
});
