import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { readDevelopmentKey } from "@patchbay/process";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { eventually } from "@patchbay/testkit";
import { createTokenSource, createTransport } from "@patchbay/wire";
import { absent, definePlugin, endpoints, type PluginChange } from "../../src/index.ts";
import { startMesh } from "../../src/test/index.ts";

test("a plugin answers and hears events in a small real mesh, and leaves it", { timeout: 60_000 }, async () => {
  const changes: PluginChange[] = [];
  const plugin = definePlugin({
    name: "hosts",
    hooks: {
      async *resolve({ authority }) {
        yield authority.host === "old.hosts" ? endpoints(["10.0.0.1:80"]) : absent();
      },
    },
    on: { plugin: (change) => void changes.push(change) },
    options: { resolve: { suffixes: ["hosts"] } },
  });
  await using mesh = await startMesh();
  const served = await mesh.serve(plugin);
  await served.ready();
  const key = await readDevelopmentKey(mesh.stateDir);
  const token = createTokenSource(key, { kind: "operator", namespace: "default", name: "test", instance: "1" });
  const transport = createTransport({ address: mesh.address, token });
  const explain = () => createClient(Destination, transport).explain({ authority: "old.hosts" });
  await eventually(async () => {
    const { resolution } = await explain();
    return resolution?.branches[0]?.endpoints[0]?.address === "10.0.0.1";
  }, 10_000);
  const again = await mesh.serve(
    definePlugin({
      name: "other",
      hooks: {
        async *resolve() {
          yield absent();
        },
      },
    }),
  );
  await again.ready();
  await eventually(() => changes.some(({ name, state }) => name === "other" && state === "ready"));
  await served.stop();
  await eventually(async () => (await explain()).steps.every(({ resolver }) => resolver !== "plugin/hosts"));
  transport.close();
});
