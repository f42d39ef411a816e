import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { processAlive } from "@patchbay/process";
import { eventually } from "@patchbay/testkit";

export interface Traces {
  readonly stateDir: string;
  /** Process ids. */
  readonly pids: readonly number[];
  /** "http://host:port" and "nats://host:port". */
  readonly addresses: readonly string[];
}

/** Nothing of a mesh is left: no process, no port, no run file, no lock. */
export async function assertNothingLeft({ stateDir, pids, addresses }: Traces): Promise<void> {
  for (const pid of pids) await eventually(`process ${pid} is gone`, () => !processAlive(pid));
  for (const address of addresses) assert.equal(await accepts(address), false, `${address} still accepts`);
  for (const file of ["run.json", "mesh.lock", join("nats", "url")]) {
    await assert.rejects(access(join(stateDir, file)), `${file} is left`);
  }
}

function accepts(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
