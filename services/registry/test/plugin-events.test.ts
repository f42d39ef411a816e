import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { PluginStateChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { untilPasses } from "@patchbay/testkit";
import { connectEvents, readCloudEvent, STREAMS } from "@patchbay/wire";
import { stateName } from "../src/core/lease/state-name.ts";
import { startNats } from "./support/nats-server.ts";
import { holdPlugin } from "./support/plugin.ts";
import { startRegistry } from "./support/registry.ts";

describe("events of class plugin", () => {
  it("tell every state that a plugin enters, in order, as CloudEvents", async (test) => {
    const server = await startNats();
    const registry = await startRegistry({ server });
    const plugin = holdPlugin(registry, { name: "watched" });
    await plugin.lease.accepted();
    await plugin.lease.drain("SIGTERM");
    plugin.lease.close();
    const core = await connectEvents({ servers: server.url, name: "test", seed: server.keys.core.seed });
    test.after(async () => {
      await core.close();
      await registry.stop();
      await server.stop();
    });
    const states = await untilPasses(async () => {
      const found: string[] = [];
      await core.replay({
        stream: STREAMS.plugin,
        since: new Date(0),
        onMessage({ subject, data, headers }) {
          const { name, state, previous, reason } = fromBinary(PluginStateChangedSchema, data);
          assert.equal(subject, "mesh.event.plugin.watched");
          assert.equal(readCloudEvent(headers)?.type, "dev.patchbay.plugin.state.v1");
          found.push(`${name}: ${stateName(previous)} -> ${stateName(state)} (${reason})`);
        },
      });
      assert.equal(found.length, 4);
      return found;
    });
    assert.deepEqual(states, [
      "watched: unspecified -> starting (announced)",
      "watched: starting -> ready ()",
      "watched: ready -> draining (drained: SIGTERM)",
      "watched: draining -> gone (drained: SIGTERM)",
    ]);
  });
});
