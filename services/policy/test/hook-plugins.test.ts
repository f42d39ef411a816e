import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Registration, State, WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createViewTable } from "@patchbay/runtime";
import { watchHookPlugins } from "../src/sources/hook-plugins.ts";
import { pluginOf } from "./support/registrations.ts";

/** Nobody listens at the addresses: a connection is made with the first call only. */
function start(...registrations: readonly Registration[]) {
  const view = createViewTable();
  const registry = (changed: readonly Registration[], removed: readonly string[] = []): void =>
    view.apply(create(WatchResponseSchema, { complete: true, changed: [...changed], removed: [...removed] }));
  registry(registrations);
  const plugins = watchHookPlugins({ view: { ...view, ready: () => Promise.resolve() }, hookToken: () => "" });
  return { registry, plugins, [Symbol.dispose]: () => plugins.stop() };
}

function opa(instance: string, state: State = State.READY): Registration {
  const registration = pluginOf("opa", "authorize");
  registration.id = `plugin/default/opa/${instance}`;
  Object.assign(registration.announce ?? {}, { instance, address: "127.0.0.1:9" });
  return Object.assign(registration, { state });
}

const ids = (started: ReturnType<typeof start>) =>
  started.plugins.find("default", "opa", "authorize")?.instances.map(({ id }) => id);

describe("plugins that decide about requests", () => {
  it("are those that the registry says are ready, or else those that may still answer", () => {
    using started = start(opa("a"), opa("b", State.DEGRADED), opa("c", State.QUARANTINED));
    assert.deepEqual(ids(started), ["a"]);
    started.registry([opa("a", State.GONE)]);
    assert.deepEqual(ids(started), ["b"]);
    started.registry([], ["plugin/default/opa/a", "plugin/default/opa/b"]);
    assert.equal(ids(started), undefined);
  });

  it("are asked by a hook that they are granted, within bounds", () => {
    const bold = opa("a");
    Object.assign(bold.grant?.hooks[0] ?? {}, { deadline: durationFromMs(60_000), concurrency: 1_000_000 });
    using started = start(bold);
    const { deadlineMs, concurrency } = started.plugins.find("default", "opa", "authorize") ?? assert.fail();
    assert.deepEqual([deadlineMs, concurrency], [5_000, 1_024]);
    assert.equal(started.plugins.find("default", "opa", "ratelimit"), undefined);
  });

  it("have calls under way counted right when the registry changes meanwhile", () => {
    using started = start(opa("a"));
    const asked = started.plugins.find("default", "opa", "authorize") ?? assert.fail();
    asked.calls += 1;
    started.registry([opa("b")]);
    asked.calls -= 1;
    assert.equal(started.plugins.find("default", "opa", "authorize")?.calls, 0);
    assert.deepEqual(ids(started), ["a", "b"]);
  });
});
