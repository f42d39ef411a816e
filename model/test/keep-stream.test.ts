import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type KeptStream, keepStream } from "@patchbay/model";
import { createFakeClock } from "@patchbay/testkit";
import fc from "fast-check";

const MIN_MS = 100;
const MAX_MS = 1_000;

/** One connection, as the side that serves it sees it. */
interface Connection {
  readonly signal: AbortSignal;
  send(message: string): void;
  end(error?: unknown): void;
}

interface World {
  readonly stream: KeptStream;
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly heard: string[];
  readonly downs: unknown[];
  /** All that were ever made. */
  readonly connections: Connection[];
  /** Those whose reading has not ended. */
  open(): number;
  /** The most at one time. */
  most(): number;
  last(): Connection;
}

function start(options: { readonly random?: () => number; waitMs?(): number; onDown?(): void } = {}): World {
  const { random = () => 0, waitMs, onDown } = options;
  const clock = createFakeClock();
  const heard: string[] = [];
  const downs: unknown[] = [];
  const connections: Connection[] = [];
  let open = 0;
  let most = 0;

  async function* connect(signal: AbortSignal): AsyncGenerator<string> {
    open += 1;
    most = Math.max(most, open);
    const waiting: string[] = [];
    let ended: { readonly error: unknown } | undefined;
    let wake: () => void = () => undefined;
    connections.push({
      signal,
      send(message) {
        waiting.push(message);
        wake();
      },
      end(error) {
        ended = { error };
        wake();
      },
    });
    signal.addEventListener("abort", () => wake(), { once: true });
    try {
      for (;;) {
        const next = waiting.shift();
        if (signal.aborted) throw signal.reason;
        if (next !== undefined) yield next;
        else if (ended === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if (ended.error === undefined) return;
        else throw ended.error;
      }
    } finally {
      open -= 1;
    }
  }

  const stream = keepStream<string>({
    connect,
    onMessage: (message) => void heard.push(message),
    onDown(error) {
      downs.push(error);
      onDown?.();
    },
    backoff: { minMs: MIN_MS, maxMs: MAX_MS, random },
    ...(waitMs === undefined ? {} : { waitMs }),
    clock,
  });
  const last = (): Connection => {
    const connection = connections.at(-1);
    assert.ok(connection);
    return connection;
  };
  return { stream, clock, heard, downs, connections, open: () => open, most: () => most, last };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

describe("a kept stream", () => {
  it("is open from the first message on, and hands messages on in order", async () => {
    const { stream, heard, last } = start();
    assert.equal(stream.state(), "connecting");
    last().send("one");
    last().send("two");
    await settle();
    assert.deepEqual([stream.state(), heard], ["open", ["one", "two"]]);
    stream.stop();
    await stream.stopped;
  });

  it("connects again after a wait, and tells apart an end and a failure", async () => {
    const { stream, clock, downs, connections, last } = start();
    last().end();
    await settle();
    assert.deepEqual([stream.state(), downs], ["waiting", [undefined]]);
    await clock.advance(MIN_MS);
    assert.deepEqual([stream.state(), connections.length], ["connecting", 2]);
    const failure = new Error("reset");
    last().end(failure);
    await settle();
    assert.deepEqual(downs, [undefined, failure]);
    stream.stop();
  });

  it("tells the connection's own signal when it is over", async () => {
    const { stream, last } = start();
    const { signal } = last();
    assert.equal(signal.aborted, false);
    last().end();
    await settle();
    assert.equal(signal.aborted, true);
    stream.stop();
  });

  it("takes a message that cannot be handled, and a connection that cannot be made, as a failure", async () => {
    const clock = createFakeClock();
    const downs: unknown[] = [];
    const connects = [
      () => assert.fail("no address"),
      async function* () {
        yield "unreadable";
      },
    ];
    const stream = keepStream({
      connect: () => connects.shift()?.() ?? assert.fail("none left"),
      onMessage: (message) => assert.fail(message),
      onDown: (error) => void downs.push(error instanceof Error && error.message),
      backoff: { minMs: MIN_MS, maxMs: MAX_MS },
      clock,
    });
    await clock.advance(MIN_MS);
    assert.deepEqual(downs, ["no address", "unreadable"]);
    stream.stop();
    await stream.stopped;
  });

  it("reads the next message when the one before has been handled", async () => {
    const clock = createFakeClock();
    const handled: PromiseWithResolvers<void>[] = [];
    const stream = keepStream({
      async *connect() {
        yield "one";
        yield "two";
      },
      onMessage() {
        const one = Promise.withResolvers<void>();
        handled.push(one);
        return one.promise;
      },
      backoff: { minMs: MIN_MS, maxMs: MAX_MS },
      clock,
    });
    await settle();
    assert.equal(handled.length, 1);
    handled[0]?.resolve();
    await settle();
    assert.equal(handled.length, 2);
    stream.stop();
    handled[1]?.resolve();
    await stream.stopped;
  });

  it("waits for as long as its owner says instead", async () => {
    const { stream, clock, connections, last } = start({ waitMs: () => 5_000 });
    last().end();
    await clock.advance(4_999);
    assert.equal(connections.length, 1);
    await clock.advance(1);
    assert.equal(connections.length, 2);
    stream.stop();
  });

  it("can be stopped by its owner between two connections, and holds no timer then", async () => {
    const world = start({
      onDown() {
        world.stream.stop();
      },
    });
    world.last().end();
    await world.stream.stopped;
    assert.deepEqual([world.stream.state(), world.clock.pending(), world.connections.length], ["stopped", 0, 1]);
  });

  it("hears nothing after it was stopped, not even what had arrived", async () => {
    const { stream, heard, downs, last } = start();
    last().send("late");
    stream.stop();
    await stream.stopped;
    assert.deepEqual([heard, downs], [[], []]);
  });

  it("never has two connections, waits as its backoff says, begins that anew after a message only, and ends when told", async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ kind: "message" } as const) },
      { weight: 3, arbitrary: fc.constant({ kind: "end" } as const) },
      { weight: 3, arbitrary: fc.constant({ kind: "fail" } as const) },
      { weight: 2, arbitrary: fc.constant({ kind: "retry" } as const) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.nat({ max: MAX_MS }) }) },
      { weight: 1, arbitrary: fc.constant({ kind: "stop" } as const) },
    );
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 8 }),
      async (steps, randoms) => {
        let drawn = 0;
        const draw = (index: number): number => randoms[index % randoms.length] ?? 0;
        const { stream, clock, open, most, last } = start({ random: () => draw(drawn++) });
        // What must be so, kept beside it in the plainest words.
        let state = "connecting";
        let base = MIN_MS;
        let waits = 0;
        let dueAt = 0;
        for (const { kind, ...rest } of steps) {
          if (kind === "message" && (state === "connecting" || state === "open")) {
            last().send("x");
            state = "open";
            base = MIN_MS;
          }
          if ((kind === "end" || kind === "fail") && (state === "connecting" || state === "open")) {
            last().end(kind === "fail" ? new Error("broken") : undefined);
            state = "waiting";
            const wait = Math.round(base * (1 - draw(waits++) / 2));
            assert.ok(wait >= base / 2 && wait <= base);
            dueAt = clock.monotonic() + wait;
            base = Math.min(base * 2, MAX_MS);
          }
          if (kind === "retry") {
            stream.retryNow();
            if (state === "waiting") state = "connecting";
          }
          if (kind === "stop") {
            stream.stop();
            state = "stopped";
          }
          await settle();
          if ("ms" in rest) await clock.advance(rest.ms);
          if (state === "waiting" && clock.monotonic() >= dueAt) state = "connecting";
          assert.equal(stream.state(), state);
          assert.equal(open(), state === "connecting" || state === "open" ? 1 : 0);
          assert.equal(clock.pending(), state === "waiting" ? 1 : 0);
        }
        stream.stop();
        await stream.stopped;
        assert.deepEqual([open(), most(), clock.pending(), last().signal.aborted], [0, 1, 0, true]);
      },
    );
    await fc.assert(property, { numRuns: 200, seed: 8 });
  });
});
