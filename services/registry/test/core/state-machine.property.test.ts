import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import fc from "fast-check";
import { HISTORY, mayFollow } from "../../src/core/lease/life.ts";
import { createDirectory } from "../../src/core/replicas/directory.ts";
import { beat, resolver } from "../support/announcements.ts";
import { createClock } from "../support/clock.ts";

const leaseMs = 1_000;
const tickMs = 50;
const id = "plugin/default/hosts/one";

type Command =
  | { readonly type: "announce"; readonly ready: boolean; readonly port: number }
  | { readonly type: "heartbeat"; readonly ready: boolean; readonly old: boolean }
  | { readonly type: "probe"; readonly problem: string }
  | { readonly type: "break"; readonly old: boolean }
  | { readonly type: "quarantine"; readonly reason: string | undefined }
  | { readonly type: "drain" }
  | { readonly type: "time"; readonly ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant("announce" as const), ready: fc.boolean(), port: fc.constantFrom(9_000, 9_001) }),
  fc.record({ type: fc.constant("heartbeat" as const), ready: fc.boolean(), old: fc.boolean() }),
  fc.record({ type: fc.constant("probe" as const), problem: fc.constantFrom("", "", "refused") }),
  fc.record({ type: fc.constant("break" as const), old: fc.boolean() }),
  fc.record({
    type: fc.constant("quarantine" as const),
    reason: fc.constantFrom(undefined, undefined, "too many errors"),
  }),
  fc.record({ type: fc.constant("drain" as const) }),
  fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(50, 400, 1_000, 2_100) }),
);

/** What has been said and seen, with nothing of how the table decides. */
interface Seen {
  stream: number;
  open: boolean;
  ready: boolean;
  answers: boolean;
  port: number;
  heardAt: number;
  quarantined: boolean;
  drained: boolean;
}

function run(
  commands: readonly Command[],
  check: (registration: Registration | undefined, seen: Seen, now: number) => void,
): void {
  const clock = createClock();
  const lease = { leaseMs, heartbeatMs: 300, staleKeepMs: 10_000, tickMs };
  const directory = createDirectory({ ...lease, replica: "r", start: clock.now(), now: clock.now, loading: false });
  const seen: Seen = {
    stream: 0,
    open: false,
    ready: false,
    answers: false,
    port: 0,
    heardAt: 0,
    quarantined: false,
    drained: false,
  };
  const gone = (): boolean => directory.get(id)?.state === State.GONE;
  const view = new Map<string, Registration>();
  const watch = directory.watch({ accepts: () => true, wake: () => undefined });

  const apply = (step: Command): void => {
    const stream = "old" in step && step.old ? seen.stream - 1 : seen.stream;
    const now = clock.now().mono;
    switch (step.type) {
      case "announce": {
        if (!directory.get(id) || gone()) Object.assign(seen, { answers: false, quarantined: false, drained: false });
        if (seen.port !== step.port) seen.answers = false;
        seen.stream += 1;
        Object.assign(seen, { open: true, ready: step.ready, port: step.port, heardAt: now });
        const announce = resolver({ ready: step.ready, address: `127.0.0.1:${step.port}` });
        directory.update((own, at) => own.announce({ announce, proof: "test", stream: seen.stream }, at));
        return;
      }
      case "heartbeat":
        if (directory.update((own, at) => own.heartbeat(id, stream, beat({ ready: step.ready }), at))) {
          assert.equal(stream, seen.stream);
          Object.assign(seen, { ready: step.ready, heardAt: now });
        }
        return;
      case "probe":
        directory.update((own, at) => own.probed(id, step.problem, at));
        seen.answers = step.problem === "";
        return;
      case "break":
        directory.update((own, at) => own.streamEnded(id, stream, at));
        if (stream === seen.stream) seen.open = false;
        return;
      case "quarantine":
        directory.update((own, at) => own.quarantine(id, step.reason, at));
        seen.quarantined = step.reason !== undefined;
        return;
      case "drain":
        if (seen.open && !gone()) {
          seen.drained = true;
          seen.heardAt = now;
        }
        directory.update((own, at) => own.drain(id, seen.stream, "bye", at));
        return;
      case "time":
        for (let left = step.ms; left > 0; left -= tickMs) {
          clock.advance(tickMs);
          directory.tick();
        }
    }
  };
  const follow = (): void => {
    const message = watch.take();
    if (message?.reset) view.clear();
    for (const one of message?.changed ?? []) view.set(one.id, one);
    for (const one of message?.removed ?? []) view.delete(one);
  };
  for (const [index, step] of commands.entries()) {
    apply(step);
    if (gone()) seen.open = false;
    check(directory.get(id), seen, clock.now().mono);
    // A watcher that looks only now and then sees the same as one that looks always.
    if (index % 3 === 0) follow();
  }
  follow();
  assert.deepEqual(
    [...view.values()].map(({ state, reason }) => ({ state, reason })),
    directory.list().map(({ state, reason }) => ({ state, reason })),
  );
}

describe("whatever happens to a registration", () => {
  it("it is READY only while it says so, its hook answers, its stream is open, it was heard within a lease and nobody holds it back", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        run(commands, (registration, seen, now) => {
          if (registration?.state !== State.READY) return;
          assert.ok(seen.ready && seen.open && !seen.quarantined && !seen.drained);
          assert.ok(seen.answers);
          assert.ok(now - seen.heardAt < leaseMs);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("it is GONE only after its lease or its drain ended, and comes back only by announcing itself", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        run(commands, (registration, seen, now) => {
          if (registration?.state !== State.GONE) return;
          assert.ok(seen.drained || now - seen.heardAt >= leaseMs - tickMs);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("its history has only possible transitions, in order, and at most 16 of them", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        run(commands, (registration) => {
          const history = registration?.history ?? [];
          assert.ok(history.length <= HISTORY);
          for (const [index, step] of history.slice(1).entries()) {
            const before = history[index];
            assert.ok(before?.at && step.at);
            assert.ok(
              step.at.seconds * 1_000_000_000n + BigInt(step.at.nanos) >=
                before.at.seconds * 1_000_000_000n + BigInt(before.at.nanos),
            );
            const anew = before.state === State.GONE && step.state === State.STARTING;
            assert.ok(anew || mayFollow(before.state, step.state), `${before.state} to ${step.state}`);
          }
          if (registration) assert.equal(history.at(-1)?.state, registration.state);
        });
      }),
      { numRuns: 300 },
    );
  });
});
