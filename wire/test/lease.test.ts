import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  Kind,
  type RegisterRequest,
  RegisterResponseSchema,
  Registry,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createFakeClock, createRecordingLog, eventually, freePort, serveH2c } from "@patchbay/testkit";
import { holdLease, type LeaseOptions } from "../src/lease/hold-lease.ts";
import { createTransport } from "../src/transport.ts";

interface TestRegistry {
  routes: (router: ConnectRouter) => void;
  /** What arrived, as "announce web", "heartbeat 1", "drain why", "end". */
  readonly heard: string[];
  count(prefix: string): number;
  leaseMs: number;
  acknowledges: boolean;
  refusal: ConnectError | undefined;
}

function createRegistry(): TestRegistry {
  const registry: TestRegistry = {
    heard: [],
    leaseMs: 900,
    acknowledges: true,
    refusal: undefined,
    count: (prefix) => registry.heard.filter((line) => line.startsWith(prefix)).length,
    routes: (router) =>
      router.service(Registry, {
        async *register(requests) {
          if (registry.refusal) throw registry.refusal;
          for await (const request of requests) {
            registry.heard.push(describeRequest(request));
            const answer = answerTo(request, registry);
            if (answer) yield create(RegisterResponseSchema, { message: answer });
          }
          registry.heard.push("end");
        },
      }),
  };
  return registry;
}

function describeRequest({ message }: RegisterRequest): string {
  if (message.case === "announce") return `announce ${message.value.version}`;
  if (message.case === "heartbeat") return `heartbeat ${message.value.sequence} ${message.value.ready}`;
  return message.case === "drain" ? `drain ${message.value.reason}` : "nothing";
}

function answerTo({ message }: RegisterRequest, registry: TestRegistry) {
  if (message.case === "announce") {
    const value = { lease: durationFromMs(registry.leaseMs), heartbeatInterval: durationFromMs(registry.leaseMs / 6) };
    return { case: "accepted" as const, value };
  }
  if (message.case === "drain") return { case: "notice" as const, value: { state: State.DRAINING } };
  if (message.case !== "heartbeat" || !registry.acknowledges) return undefined;
  return { case: "ack" as const, value: { sequence: message.value.sequence } };
}

/** Holds a lease on a clock that stands still until the test moves it. */
function hold(address: string, options: Partial<LeaseOptions> = {}) {
  const clock = createFakeClock();
  const log = createRecordingLog();
  const transport = createTransport({ address, token: () => "" });
  const lost: string[] = [];
  const refused: ConnectError[] = [];
  let version = 1;
  const lease = holdLease({
    transport,
    announce: () => ({ kind: Kind.PLUGIN, name: "web", version: String(version), ready: true }),
    onLost: (reason) => lost.push(reason),
    onRefused: (error) => refused.push(error),
    log,
    clock,
    ...options,
  });
  return {
    lease,
    clock,
    /** How often it has come to nothing. */
    failures: () => log.records.filter(({ message }) => message.startsWith("no connection")).length,
    lost,
    refused,
    changeTo: (next: number) => {
      version = next;
    },
    [Symbol.dispose]() {
      lease.close();
      transport.close();
    },
  };
}

describe("a lease", { concurrency: true }, () => {
  test("announces first, then beats at the interval that the registry gave, and counts from 1", async () => {
    const registry = createRegistry();
    await using server = await serveH2c(registry.routes);
    using it = hold(server.address);
    assert.equal((await it.lease.accepted()).lease?.nanos, 900e6);
    for (const beat of [1, 2, 3]) {
      await it.clock.advance(149);
      assert.equal(registry.count("heartbeat"), beat - 1);
      await it.clock.advance(1);
      await eventually(() => registry.count("heartbeat") === beat);
    }
    assert.deepEqual(registry.heard, ["announce 1", "heartbeat 1 true", "heartbeat 2 true", "heartbeat 3 true"]);
    assert.deepEqual(it.lost, []);
  });

  test("sends a changed announcement once, however often it is told", async () => {
    const registry = createRegistry();
    await using server = await serveH2c(registry.routes);
    let accepted = 0;
    using it = hold(server.address, { onAccepted: () => accepted++ });
    await it.lease.accepted();
    it.changeTo(2);
    for (let i = 0; i < 100; i++) it.lease.announceAgain();
    await eventually(() => accepted === 2);
    // A second one would come before the heartbeat.
    await it.clock.advance(150);
    await eventually(() => registry.count("heartbeat") === 1);
    assert.equal(registry.count("announce"), 2);
    assert.equal(registry.count("announce 2"), 1);
  });

  test("says in its heartbeats what the owner says", async () => {
    const registry = createRegistry();
    await using server = await serveH2c(registry.routes);
    let ready = true;
    using it = hold(server.address, { heartbeat: () => ({ ready, reason: "", consumers: [] }) });
    await it.lease.accepted();
    await it.clock.advance(150);
    await eventually(() => registry.heard.some((line) => line.endsWith("true")));
    ready = false;
    await it.clock.advance(150);
    await eventually(() => registry.heard.some((line) => line.endsWith("false")));
  });

  test("comes back after the registry restarted, and reports the loss once", async () => {
    const registry = createRegistry();
    const first = await serveH2c(registry.routes);
    let accepted = 0;
    using it = hold(first.address, { onAccepted: () => accepted++ });
    await it.lease.accepted();
    await first.stop();
    await eventually(() => it.lost.length === 1);
    for (const inVain of [2, 3, 4]) {
      await it.clock.advance(1_000);
      await eventually(() => it.failures() >= inVain);
    }
    await using _second = await serveH2c(registry.routes, first.port);
    await it.clock.advance(1_000);
    await eventually(() => accepted === 2);
    assert.equal(it.lost.length, 1);
  });

  test("waits for a registry that is not there yet", async () => {
    const port = await freePort();
    using it = hold(`127.0.0.1:${port}`);
    await eventually(() => it.failures() === 1);
    await using _server = await serveH2c(createRegistry().routes, port);
    await it.clock.advance(1_000);
    await it.lease.accepted();
    assert.deepEqual(it.lost, []);
  });

  test("takes a registry that acknowledges nothing for one lease for dead", async () => {
    const registry = createRegistry();
    await using server = await serveH2c(registry.routes);
    using it = hold(server.address);
    await it.lease.accepted();
    registry.acknowledges = false;
    await it.clock.advance(999);
    assert.deepEqual(it.lost, []);
    await it.clock.advance(1);
    await eventually(() => it.lost.length === 1);
    assert.match(it.lost[0] ?? "", /said nothing for 900 ms/);
    registry.acknowledges = true;
    await it.clock.advance(1_000);
    await eventually(() => registry.count("announce") === 2);
  });

  test("tells its owner when it is refused, and asks again when the announcement changes", async () => {
    const registry = createRegistry();
    registry.refusal = new ConnectError("no grant for web", Code.PermissionDenied);
    await using server = await serveH2c(registry.routes);
    using it = hold(server.address);
    await eventually(() => it.refused.length === 1);
    assert.equal(it.refused[0]?.code, Code.PermissionDenied);
    assert.match(it.refused[0]?.message ?? "", /no grant for web/);
    registry.refusal = undefined;
    it.lease.announceAgain();
    await it.lease.accepted();
    assert.deepEqual(it.lost, []);
  });

  test("drains: the registry knows, heartbeats go on, and the end gives the lease back", async () => {
    const registry = createRegistry();
    await using server = await serveH2c(registry.routes);
    using it = hold(server.address);
    await it.lease.accepted();
    await it.lease.drain("stopping");
    assert.equal(registry.count("drain stopping"), 1);
    await it.clock.advance(150);
    await eventually(() => registry.count("heartbeat") === 1);
    it.lease.close();
    await eventually(() => registry.heard.at(-1) === "end");
    assert.deepEqual(it.lost, []);
  });

  test("drains at once when the registry is away, and does not come back", async () => {
    const registry = createRegistry();
    const server = await serveH2c(registry.routes);
    using it = hold(server.address);
    await it.lease.accepted();
    await server.stop();
    await eventually(() => it.lost.length === 1);
    await it.lease.drain("stopping");
    await using _again = await serveH2c(registry.routes, server.port);
    await it.clock.advance(10_000);
    assert.equal(it.clock.pending(), 0);
    assert.equal(registry.count("announce"), 1);
  });

  test("rejects who waits for it when it is closed, and leaves nothing running", async () => {
    using it = hold(`127.0.0.1:${await freePort()}`);
    const waiting = it.lease.accepted();
    it.lease.close();
    it.lease.close();
    await assert.rejects(waiting, /was closed/);
    await assert.rejects(it.lease.accepted(), /was closed/);
  });
});
