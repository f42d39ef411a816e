import assert from "node:assert/strict";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "@patchbay/model";
import { createFakeClock, eventually } from "@patchbay/testkit";
import { noLog, systemClock } from "@patchbay/wire";
import { proxyTransport } from "../../../client/test/support/core-server.ts";
import {
  absentAnswer,
  endpointsAnswer,
  type FakeDestination,
  startDestination,
} from "../../../client/test/support/destination.ts";
import type { Route } from "../../src/core/types.ts";
import { createRouter, type RouterLimits, type RunningRouter } from "../../src/sources/router.ts";

const USERS = "users.default.svc.cluster.local:80";
const NONE: ReadonlySet<string> = new Set();

function addresses(route: Route): string[] {
  assert.equal(route.kind, "mesh");
  const seen = new Set<string>();
  for (let i = 0; i < 100; i += 1) {
    const pick = route.pick(NONE);
    if (pick !== undefined) seen.add(pick.endpoint.address);
    pick?.end({ failed: false, latencyMs: 1 });
  }
  return [...seen].toSorted((a, b) => a.localeCompare(b));
}

describe("router", () => {
  let destination: FakeDestination;
  let router: RunningRouter;
  let transport: ReturnType<typeof proxyTransport>;

  function start(limits: Partial<RouterLimits> = {}, clock: Clock = systemClock): RunningRouter {
    router = createRouter({ destination: transport, namespace: "default", log: noLog, limits, clock });
    return router;
  }

  beforeEach(async () => {
    destination = await startDestination();
    transport = proxyTransport(destination.address);
  });
  afterEach(async () => {
    router.stop();
    transport.close();
    await destination.die();
  });
  after(() =>
    eventually(
      "all connections are closed",
      () => !process.getActiveResourcesInfo().some((name) => name.startsWith("TCP")),
    ),
  );

  test("asks once for a name and holds the stream, however it is spelled and however often it is used", async () => {
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1", "10.0.0.2"]));
    start();
    const routes = await Promise.all(
      ["users", "USERS:80", USERS, "users.default.svc"].map((text) => router.route(text)),
    );
    for (const route of routes) assert.deepEqual(addresses(route), ["10.0.0.1", "10.0.0.2"]);
    assert.equal(destination.streams.get(USERS), 1);
    assert.equal(router.names(), 1);
  });

  test("follows every change", async () => {
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1"]));
    start();
    const route = await router.route("users");
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.2", "10.0.0.3"]));
    await eventually("the change arrived", () => addresses(route).includes("10.0.0.2"));
    assert.deepEqual(addresses(await router.route("users")), ["10.0.0.2", "10.0.0.3"]);
  });

  test("waits for the first answer", async () => {
    start();
    const waiting = router.route("users");
    await eventually("it was asked", () => destination.streams.get(USERS) === 1);
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1"]));
    assert.deepEqual(addresses(await waiting), ["10.0.0.1"]);
  });

  test("refuses with 503 when no first answer comes in time, then at once", async () => {
    start({ firstAnswerMs: 20 });
    for (const _ of [1, 2]) {
      const silent = await router.route("silent");
      assert.equal(silent.kind === "refused" && silent.status, 503);
    }
  });

  test("a late first answer serves from then on", async () => {
    start({ firstAnswerMs: 20 });
    assert.equal((await router.route("users")).kind, "refused");
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1"]));
    await eventually("it was served", async () => (await router.route("users")).kind === "mesh");
  });

  test("destination away: serves what it has, and follows again when it is back", async () => {
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1"]));
    const clock = createFakeClock();
    start({ idleMs: 500, firstAnswerMs: 800 }, clock);
    assert.equal((await router.route("users")).kind, "mesh");
    await destination.die();
    // Longer than the idle time: a name whose stream is down must not be forgotten, nobody could tell it again.
    await clock.advance(800);
    assert.deepEqual(addresses(await router.route("users")), ["10.0.0.1"]);
    const asked = router.route("orders");
    await clock.advance(800);
    const unknown = await asked;
    assert.equal(unknown.kind === "refused" && unknown.status, 503);
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.9"]));
    await destination.comeBack();
    router.retryNow();
    await eventually(
      "the new answer arrived",
      async () => addresses(await router.route("users")).join() === "10.0.0.9",
    );
  });

  test("an incomplete answer after a restart removes nothing", async () => {
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1", "10.0.0.2"]));
    start();
    const route = await router.route("users");
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.3"], true));
    await eventually("it was added", () => addresses(route).length === 3);
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.3"]));
    await eventually("the complete one replaced it", () => addresses(route).length === 1);
  });

  test("an incomplete answer without endpoints is no answer yet", async () => {
    destination.say(USERS, endpointsAnswer(USERS, [], true));
    start({ firstAnswerMs: 2_000 });
    const waiting = router.route("users");
    await eventually("it was asked", () => destination.streams.get(USERS) === 1);
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1"]));
    assert.deepEqual(addresses(await waiting), ["10.0.0.1"]);
  });

  test("what nobody knows is egress when DNS may know it, else refused with a hint", async () => {
    destination.say("example.com:443", absentAnswer("example.com:443"));
    destination.say("10.9.9.9:80", absentAnswer("10.9.9.9:80"));
    destination.say("nobody.default.svc.cluster.local:80", absentAnswer("nobody.default.svc.cluster.local:80"));
    start();
    assert.equal((await router.route("example.com:443")).kind, "egress");
    assert.equal((await router.route("10.9.9.9")).kind, "egress");
    const refused = await router.route("nobody");
    assert.equal(refused.kind === "refused" && refused.status, 502);
    assert.match(refused.kind === "refused" ? refused.reason : "", /mesh endpoints nobody/);
  });

  test("a malformed authority is refused with 400 without asking anybody", async () => {
    start();
    const route = await router.route("not a name");
    assert.equal(route.kind === "refused" && route.status, 400);
    assert.equal(router.names(), 0);
  });

  test("what destination refuses is refused with its words", async () => {
    destination.say("odd.example:80", new ConnectError("no such authority is possible", Code.InvalidArgument));
    start();
    const route = await router.route("odd.example");
    assert.equal(route.kind === "refused" && route.status, 400);
    assert.match(route.kind === "refused" ? route.reason : "", /no such authority is possible/);
  });

  test("idle names are dropped and their streams closed", async () => {
    destination.say(USERS, endpointsAnswer(USERS, ["10.0.0.1"]));
    const clock = createFakeClock();
    start({ idleMs: 60 }, clock);
    await router.route("users");
    await clock.advance(80);
    await eventually("it was dropped", () => router.names() === 0 && destination.streams.get(USERS) === 0);
    assert.deepEqual(addresses(await router.route("users")), ["10.0.0.1"]);
  });

  test("beyond the cap the name that was used least recently goes", async () => {
    const names = ["a", "b", "c", "d"];
    for (const name of names) destination.say(`${name}.x:80`, endpointsAnswer(`${name}.x:80`, ["10.0.0.1"]));
    const clock = createFakeClock();
    start({ maxNames: 3 }, clock);
    for (const name of ["a", "b", "c", "a", "d"]) {
      await router.route(`${name}.x`);
      await clock.advance(1);
    }
    assert.equal(router.names(), 3);
    await eventually("b was dropped", () => destination.streams.get("b.x:80") === 0);
    assert.equal(destination.streams.get("a.x:80"), 1);
  });
});
