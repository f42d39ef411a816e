import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { stateDir } from "../../process/src/state-path.mjs";

/** Where set-up keeps what it installed: a Node 24, a nats-server. Created private when absent. */
export function toolsDir(env = process.env) {
  const dir = join(stateDir(env), "tools");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}
