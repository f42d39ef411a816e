import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { closedPort, eventually } from "@patchbay/testkit";
import { createHttp1Pool, type Http1Pool, type PooledConnection, type Waiter } from "../../src/proxy/http1/pool.ts";
import type { Connected } from "../../src/proxy/upstream/await-connection.ts";
import { type App, startApp } from "../support/wire.ts";

/** A pool whose connections are made when the test says so. */
function createPool(port: number, maxConnections = 512) {
  const opening: Connected[] = [];
  const pool = createHttp1Pool({
    connect: (connected) => opening.push(connected),
    maxConnections,
    maxHeadBytes: 16_384,
  });
  /** Lets the connection that began first come about, or fail. */
  const settle = (): void => {
    const connected = opening.shift();
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => connected?.(null, socket)).once("error", (error) => connected?.(error, null));
  };
  return { pool, opening, settle };
}

/** Sends a request as soon as it has a connection, and gives the connection back. */
function ask(pool: Http1Pool): Waiter & { outcome: string } {
  const taker = {
    outcome: "waiting",
    onSlot(slot: PooledConnection) {
      taker.outcome = "sent";
      slot.client.dispatch(
        { method: "GET", path: "/" },
        {
          onRequestStart: () => undefined,
          onResponseStart: () => undefined,
          onResponseData: () => undefined,
          onResponseEnd() {
            taker.outcome = "answered";
            pool.give(slot);
          },
          onResponseError(_controller, error) {
            taker.outcome = error.message;
            queueMicrotask(() => pool.give(slot));
          },
        },
      );
    },
    onNoSlot(error: Error) {
      taker.outcome = error.message;
    },
  };
  if (!pool.take(taker)) taker.outcome = "refused";
  return taker;
}

const startHello = (): Promise<App> => startApp((_request, response) => response.end("hello"));

describe("connections to an endpoint", () => {
  it("are opened a few at a time, and a burst is served by those that are there", async () => {
    await using app = await startHello();
    const { pool, opening, settle } = createPool(app.port);
    const burst = Array.from({ length: 200 }, () => ask(pool));
    assert.equal(opening.length, 16);
    assert.equal(burst.filter(({ outcome }) => outcome === "waiting").length, 184);
    settle();
    await eventually("the burst is over", () => burst.filter(({ outcome }) => outcome === "answered").length >= 184);
    assert.equal(pool.size, 17, "another one was begun when the first was there");
    for (let left = opening.length; left > 0; left -= 1) settle();
    await eventually("all are answered", () => burst.every(({ outcome }) => outcome === "answered"));
    pool.destroy();
  });

  it("that cannot be made fail all who wait, at once", async () => {
    const { pool, opening, settle } = createPool(await closedPort());
    const burst = Array.from({ length: 50 }, () => ask(pool));
    settle();
    await eventually("those without a connection have heard", () =>
      burst.slice(16).every(({ outcome }) => /REFUSED/.test(outcome)),
    );
    assert.equal(opening.length, 15);
    pool.destroy();
  });

  it("that fail beside one that works fail only their own request", async () => {
    await using app = await startHello();
    const { pool, opening, settle } = createPool(app.port);
    const burst = Array.from({ length: 17 }, () => ask(pool));
    opening.shift()?.(new Error("no route"), null);
    await eventually("the first has failed", () => burst[0]?.outcome === "no route");
    assert.equal(burst[16]?.outcome, "no route", "nothing was open yet");
    settle();
    await eventually("one works", () => burst[1]?.outcome === "answered");
    const more = Array.from({ length: 5 }, () => ask(pool));
    assert.deepEqual(
      more.map(({ outcome }) => outcome),
      ["sent", "sent", "sent", "waiting", "waiting"],
    );
    opening.shift()?.(new Error("no route"), null);
    await eventually("the last is answered by the one that works", () => more[4]?.outcome === "answered");
    assert.equal(more[3]?.outcome, "sent", "a connection of its own is on the way");
    pool.destroy();
  });

  it("have a bound, waiting requests included", async () => {
    const { pool } = createPool(1, 20);
    const burst = Array.from({ length: 21 }, () => ask(pool));
    assert.deepEqual(
      [burst[15], burst[19], burst[20]].map((each) => each?.outcome),
      ["sent", "waiting", "refused"],
    );
    pool.destroy();
    assert.match(String(burst[19]?.outcome), /the sidecar ends/);
  });

  it("are not waited for by a request whose client has left", () => {
    const { pool } = createPool(1, 17);
    const burst = Array.from({ length: 17 }, () => ask(pool));
    const [last] = burst.slice(16);
    if (last !== undefined) pool.leave(last);
    assert.equal(ask(pool).outcome, "waiting");
    pool.destroy();
    assert.equal(last?.outcome, "waiting");
  });

  it("that were closed while idle are not handed out", async () => {
    await using app = await startHello();
    const { pool, opening, settle } = createPool(app.port);
    const first = ask(pool);
    settle();
    await eventually("the first is answered", () => first.outcome === "answered");
    assert.equal(pool.size, 1);
    await app[Symbol.asyncDispose]();
    await eventually("the connection is gone", () => pool.size === 0);
    ask(pool);
    assert.equal(opening.length, 1);
    pool.destroy();
  });
});
