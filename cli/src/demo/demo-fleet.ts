import { getCompileCacheDir } from "node:module";
import { fileURLToPath } from "node:url";
import { demoServices } from "@patchbay/demo";
import { pause } from "@patchbay/model";

import { spawnDieWithParent } from "@patchbay/process";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";

import { createLog } from "@patchbay/runtime";
import { layout, type Mesh, openLogFile, type Supervised, supervise } from "@patchbay/up";
import type { MeshConnection } from "../connect.ts";
import { CliError } from "../errors.ts";

const main = fileURLToPath(new URL("./fleet-main.ts", import.meta.url));
const READY_WITHIN_MS = 30_000;

/** Starts the process that runs the demo application. */
export function startDemoFleet(mesh: Mesh): Supervised & { closeLog(): void } {
  const file = openLogFile({ dir: layout(mesh.stateDir).logs, name: "demo" });
  const supervised = supervise({
    name: "demo",
    log: createLog({ name: "demo", destination: file }),
    spawn: () => {
      const child = spawnDieWithParent(process.execPath, ["--disable-warning=ExperimentalWarning", main], {
        env: {
          ...process.env,
          NODE_COMPILE_CACHE: getCompileCacheDir(),
          MESH_STATE_DIR: mesh.stateDir,
          MESH_REGISTRY: mesh.address,
        },
        stdio: ["ignore", "pipe", "pipe"],
        // Ctrl-C is for the process that stops everything in its order.
        detached: true,
      });
      // When this process exits at once, it does not wait for the demo's last reports.
      const endAtOnce = (): void => void child.kill("SIGKILL");
      process.once("exit", endAtOnce);
      child.once("exit", () => process.off("exit", endAtOnce));
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding("utf8").on("data", (text) => file.write(text));
      return child;
    },
  });
  return { ...supervised, closeLog: () => file.close() };
}

/** Waits until each service of the demo takes requests. Throws CliError with those that do not. */
export async function untilDemoReady(connection: MeshConnection, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  const wanted = demoServices.filter((service) => service.serves).map((service) => service.name);
  while (!signal.aborted) {
    const { registrations } = await connection.list([Kind.PROXY]);
    const ready = registrations.filter((each) => each.state === State.READY && each.announce?.workload?.ready);
    const missing = wanted.filter((name) => !ready.some((each) => each.announce?.name === name));
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      throw new CliError(`The demo's ${missing.join(", ")} did not get ready. \`mesh logs demo\` says why.`);
    }
    await pause(50, signal);
  }
}
