import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Announce } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { GONE_KEEP_MS, GONE_PER_NAME } from "../../src/core/lease/retention.ts";
import { stateName } from "../../src/core/lease/state-name.ts";
import { createRegistrations, type Registrations } from "../../src/core/registrations.ts";
import { beat, proxy, resolver } from "../support/announcements.ts";
import { type Clock, createClock } from "../support/clock.ts";

const leaseMs = 5_000;
const tickMs = 250;

interface Bench {
  readonly table: Registrations;
  readonly clock: Clock;
  announce(announce: Announce, stream?: number): string;
  /** Lets time pass tick by tick; those named send heartbeats. */
  pass(ms: number, alive?: ReadonlyMap<string, number>): void;
  state(id: string): string;
}

function bench(): Bench {
  const clock = createClock();
  const table = createRegistrations({
    replica: "r1",
    leaseMs,
    heartbeatMs: 1_600,
    staleKeepMs: 60_000,
    tickMs,
    start: clock.now(),
  });
  return {
    table,
    clock,
    announce: (announce, stream = 1) => table.announce({ announce, proof: "development key", stream }, clock.now()).id,
    pass(ms, alive = new Map()) {
      for (let left = ms; left > 0; left -= tickMs) {
        clock.advance(Math.min(left, tickMs));
        for (const [id, stream] of alive) table.heartbeat(id, stream, beat(), clock.now());
        table.tick(clock.now());
      }
    },
    state: (id) => stateName(table.get(id)?.state ?? State.UNSPECIFIED).toUpperCase(),
  };
}

describe("a registration", () => {
  it("is READY as soon as it announces itself ready, and says how it got there", () => {
    const { table, announce } = bench();
    const id = announce(proxy());
    assert.equal(id, "proxy/default/users/one");
    assert.deepEqual(
      table.get(id)?.history.map(({ state }) => stateName(state).toUpperCase()),
      ["STARTING", "READY"],
    );
  });

  it("is STARTING with its own reason until it says that it is ready, and DEGRADED when it takes that back", () => {
    const { table, clock, announce, state } = bench();
    const id = announce(proxy({ ready: false, reason: "warming up" }));
    assert.equal(state(id), "STARTING");
    assert.equal(table.get(id)?.reason, "warming up");
    table.heartbeat(id, 1, beat(), clock.now());
    assert.equal(state(id), "READY");
    table.heartbeat(id, 1, beat({ ready: false, reason: "no database" }), clock.now());
    assert.equal(state(id), "DEGRADED");
    assert.equal(table.get(id)?.reason, "no database");
  });

  it("with hooks waits for its hook address to answer", () => {
    const { table, clock, announce, state } = bench();
    const id = announce(resolver());
    assert.equal(state(id), "STARTING");
    table.probed(id, "connection refused", clock.now());
    assert.equal(state(id), "STARTING");
    assert.match(table.get(id)?.reason ?? "", /connection refused/);
    table.probed(id, "", clock.now());
    assert.equal(state(id), "READY");
    table.probed(id, "no answer within 1 s", clock.now());
    assert.equal(state(id), "DEGRADED");
  });

  it("is asked for its hooks anew when its address changes, and not when it only comes back", () => {
    const { table, clock, announce, state } = bench();
    const id = announce(resolver());
    table.probed(id, "", clock.now());
    announce(resolver(), 2);
    assert.equal(state(id), "READY");
    announce(resolver({ address: "127.0.0.1:9001" }), 3);
    assert.equal(state(id), "DEGRADED");
  });

  it("is DEGRADED with the reason when its configuration does not fit", () => {
    const { table, clock, announce } = bench();
    const id = announce(proxy());
    table.granted(
      id,
      {
        grant: { $typeName: "mesh.registry.v1.Grant", source: "x", hooks: [], events: [], allowedNetworks: [] },
        configProblem: "config.table is required",
      },
      clock.now(),
    );
    assert.equal(table.get(id)?.state, State.DEGRADED);
    assert.equal(table.get(id)?.reason, "config.table is required");
  });

  it("is DEGRADED while every delivery of a class fails, and READY once one succeeds", () => {
    const { table, clock, announce, state } = bench();
    const id = announce(resolver({ manifest: { events: [{ class: "report", concurrency: 1 }] } }));
    const stats = (handled: bigint, failed: bigint) =>
      beat({ consumers: [{ class: "report", received: handled + failed, handled, failed }] });
    table.heartbeat(id, 1, stats(5n, 0n), clock.now());
    table.heartbeat(id, 1, stats(5n, 9n), clock.now());
    assert.equal(state(id), "READY");
    table.heartbeat(id, 1, stats(5n, 12n), clock.now());
    assert.equal(state(id), "DEGRADED");
    table.heartbeat(id, 1, stats(6n, 12n), clock.now());
    assert.equal(state(id), "READY");
  });

  it("keeps of the counters in a heartbeat one for each class that its manifest consumes, however many come", () => {
    const { table, clock, announce } = bench();
    const id = announce(resolver({ manifest: { events: [{ class: "report", concurrency: 1 }] } }));
    const many = Array.from({ length: 10_000 }, (_, index) => ({ class: index % 2 ? "report" : `class-${index}` }));
    table.heartbeat(id, 1, beat({ consumers: many }), clock.now());
    assert.deepEqual(
      table.get(id)?.consumers.map((stats) => stats.class),
      ["report"],
    );
  });
});

describe("a lease", () => {
  it("of a stopped process: DEGRADED after one lease without a heartbeat, GONE after two", () => {
    const { announce, pass, state } = bench();
    const id = announce(proxy());
    pass(leaseMs - tickMs);
    assert.equal(state(id), "READY");
    pass(tickMs);
    assert.equal(state(id), "DEGRADED");
    pass(leaseMs - tickMs);
    assert.equal(state(id), "DEGRADED");
    pass(tickMs);
    assert.equal(state(id), "GONE");
  });

  it("whose stream broke: DEGRADED at once, GONE by the end of the lease", () => {
    const { table, clock, announce, pass, state } = bench();
    const id = announce(proxy());
    pass(1_000);
    table.streamEnded(id, 1, clock.now());
    assert.equal(state(id), "DEGRADED");
    pass(leaseMs - 1_000 - 2 * tickMs);
    assert.equal(state(id), "DEGRADED");
    pass(tickMs);
    assert.equal(state(id), "GONE");
    assert.match(table.get(id)?.reason ?? "", /connection broke/);
  });

  it("is kept when the same instance comes back on a new stream, and the end of the old stream changes nothing", () => {
    const { table, clock, announce, pass, state } = bench();
    const id = announce(proxy());
    pass(3_000);
    announce(proxy(), 2);
    table.streamEnded(id, 1, clock.now());
    assert.equal(state(id), "READY");
    assert.equal(table.heartbeat(id, 1, beat(), clock.now()), false);
    assert.equal(table.heartbeat(id, 2, beat(), clock.now()), true);
    assert.equal(table.list().length, 1);
  });

  it("that drained ends with its stream, for good", () => {
    const { table, clock, announce, state } = bench();
    const id = announce(proxy());
    table.drain(id, 1, "SIGTERM", clock.now());
    assert.equal(state(id), "DRAINING");
    table.heartbeat(id, 1, beat(), clock.now());
    assert.equal(state(id), "DRAINING");
    table.streamEnded(id, 1, clock.now());
    assert.equal(state(id), "GONE");
    assert.equal(table.get(id)?.reason, "drained: SIGTERM");
  });

  it("that ended begins anew when the instance announces itself again, and its history goes on", () => {
    const { table, announce, pass, state } = bench();
    const id = announce(proxy());
    pass(2 * leaseMs);
    assert.equal(state(id), "GONE");
    announce(proxy(), 2);
    assert.equal(state(id), "READY");
    assert.deepEqual(
      table.get(id)?.history.map((step) => stateName(step.state).toUpperCase()),
      ["STARTING", "READY", "DEGRADED", "GONE", "STARTING", "READY"],
    );
  });
});

describe("many leases together", () => {
  it("do not end when this process slept: everyone gets one whole lease from then on", () => {
    const { table, clock, announce, pass, state } = bench();
    const ids = Array.from({ length: 20 }, (_, index) => announce(proxy({ instance: `i${index}` }), index));
    clock.advance(10 * leaseMs);
    table.tick(clock.now());
    assert.deepEqual(new Set(ids.map(state)), new Set(["READY"]));
    const alive = new Map(ids.slice(1).map((id, index) => [id, index + 1]));
    pass(leaseMs, alive);
    assert.equal(state(ids[0] ?? ""), "DEGRADED");
    assert.deepEqual(new Set(ids.slice(1).map(state)), new Set(["READY"]));
  });

  it("do not hide that one had been silent before", () => {
    const { table, clock, announce, pass, state } = bench();
    const id = announce(proxy());
    pass(leaseMs);
    assert.equal(state(id), "DEGRADED");
    clock.advance(leaseMs);
    table.tick(clock.now());
    assert.equal(state(id), "DEGRADED");
  });

  it("are kept and marked stale when more than 30 % end together, although their heartbeats were not in step", () => {
    const { table, clock, announce, pass, state } = bench();
    const ids = Array.from({ length: 10 }, (_, index) => announce(proxy({ instance: `i${index}` }), index));
    const alive = new Map(ids.slice(4).map((id, index) => [id, index + 4]));
    for (const id of ids.slice(0, 4)) {
      table.streamEnded(id, ids.indexOf(id), clock.now());
      pass(tickMs, alive);
    }
    pass(leaseMs, alive);
    const dead = ids.slice(0, 4).map((id) => table.get(id));
    assert.deepEqual(
      dead.map((one) => one?.stale),
      [true, true, true, true],
    );
    assert.equal(state(ids[0] ?? ""), "DEGRADED");
    announce(proxy({ instance: "i0" }), 100);
    assert.equal(table.get(ids[0] ?? "")?.stale, false);
    assert.equal(state(ids[0] ?? ""), "READY");
  });

  it("that are stale end after all when nobody comes back for long", () => {
    const { table, clock, announce, pass, state } = bench();
    const ids = Array.from({ length: 3 }, (_, index) => announce(proxy({ instance: `i${index}` }), index));
    for (const [index, id] of ids.entries()) table.streamEnded(id, index, clock.now());
    pass(leaseMs + 60_000);
    assert.deepEqual(new Set(ids.map(state)), new Set(["GONE"]));
  });

  it("are few when two of three end: those are gone", () => {
    const { table, clock, announce, pass, state } = bench();
    const ids = Array.from({ length: 3 }, (_, index) => announce(proxy({ instance: `i${index}` }), index));
    for (const index of [0, 1]) table.streamEnded(ids[index] ?? "", index, clock.now());
    pass(leaseMs, new Map([[ids[2] ?? "", 2]]));
    assert.deepEqual(ids.map(state), ["GONE", "GONE", "READY"]);
  });
});

describe("the table", () => {
  it("is complete one lease after its start", () => {
    const { table, clock } = bench();
    clock.advance(leaseMs - 1);
    assert.equal(table.complete(clock.now()), false);
    clock.advance(1);
    assert.equal(table.complete(clock.now()), true);
  });

  it("keeps those that are gone for ten minutes, and of one name at most 64", () => {
    const { table, clock, announce, pass } = bench();
    for (let index = 0; index < GONE_PER_NAME + 6; index++) {
      const id = announce(proxy({ instance: `i${index}` }), index);
      table.drain(id, index, "", clock.now());
      table.streamEnded(id, index, clock.now());
      clock.advance(1);
    }
    pass(tickMs);
    assert.equal(table.list().length, GONE_PER_NAME);
    assert.equal(table.get("proxy/default/users/i0"), undefined);
    clock.advance(GONE_KEEP_MS);
    table.tick(clock.now());
    assert.equal(table.list().length, 0);
    assert.equal(table.take().removed.length, GONE_PER_NAME + 6);
  });

  it("tells each change once, and every state that was entered", () => {
    const { table, clock, announce } = bench();
    const id = announce(proxy());
    const first = table.take();
    assert.deepEqual(
      first.changed.map((one) => one.id),
      [id],
    );
    assert.deepEqual(
      first.transitions.map(({ previous, state }) => [previous, state]),
      [
        [State.UNSPECIFIED, State.STARTING],
        [State.STARTING, State.READY],
      ],
    );
    table.heartbeat(id, 1, beat(), clock.now());
    assert.deepEqual(table.take(), { changed: [], removed: [], transitions: [], noticed: [] });
  });

  it("forgets its own when the instance is alive at another replica, unless the stream is open here", () => {
    const { table, clock, announce } = bench();
    const id = announce(proxy());
    const elsewhere = table.get(id);
    assert.ok(elsewhere);
    table.yieldTo(elsewhere);
    assert.ok(table.get(id));
    table.streamEnded(id, 1, clock.now());
    table.yieldTo(elsewhere);
    assert.equal(table.get(id), undefined);
  });
});
