import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { spawnDieWithParent } from "@patchbay/process";
import { eventually } from "@patchbay/testkit";
import { startMesh } from "../src/index.ts";
import { reached } from "./support/load.ts";
import { endOf, spawnSidecar, startSidecarHere, startWeb } from "./support/workload.ts";

const fixture = fileURLToPath(new URL("fixtures/plugin.ts", import.meta.url));
const _patienceMs = 30_000;
const variables = ["http_proxy", "https_proxy", "grpc_proxy", "all_proxy"].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

for (const mode of ["processes", "single"] as const) {
  test(`a mesh of mode "${mode}" needs no proxy of its environment: requests, hooks and events take none`, async (t) => {
    const asked: string[] = [];
    const proxy = createServer((socket) => {
      // Only reached by who believes the environment; a dead proxy would do the same, but not tell.
      socket.once("data", (bytes) => {
        asked.push(String(bytes).split("\r\n")[0] ?? "");
        socket.destroy();
      });
      socket.on("error", () => undefined);
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const address = proxy.address();
    const url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
    for (const name of variables) process.env[name] = url;
    process.env["NODE_USE_ENV_PROXY"] = "1";
    const stateDir = await mkdtemp(join(tmpdir(), "patchbay-proxy-"));
    t.after(async () => {
      for (const name of [...variables, "NODE_USE_ENV_PROXY"]) delete process.env[name];
      await rm(stateDir, { recursive: true, force: true });
      proxy.close();
    });

    await using mesh = await startMesh({ stateDir, mode });
    const handled = join(stateDir, "handled");
    const plugin = spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", fixture, handled], {
      env: { ...process.env, MESH_STATE_DIR: stateDir, MESH_REGISTRY: mesh.address },
      stdio: ["ignore", "ignore", "ignore"],
    });
    await using _plugin = { [Symbol.asyncDispose]: () => endOf(plugin, "SIGKILL") };
    await using web = await startWeb();
    await using _server = spawnSidecar(mesh, "web", web.port);
    await using client = await startSidecarHere(mesh, "client", { environment: process.env });
    await reached(client.outboundPort, "web");
    // A hook has answered, and reports of those requests have arrived.
    await reached(client.outboundPort, "old.names");
    await eventually(async () => (await readFile(handled, "utf8")).length > 0);
    // Before the plugin was there its name was one outside of the mesh, where the proxy is what leads to it.
    assert.deepEqual(
      asked.filter((line) => !line.includes("old.names")),
      [],
    );
  });
}
