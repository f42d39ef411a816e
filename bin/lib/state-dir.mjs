import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The private folder of this user: MESH_STATE_DIR, else $XDG_STATE_HOME/patchbay. Same rule as wire's stateDir. */
export function stateDir(env = process.env) {
  if (env.MESH_STATE_DIR) return resolve(env.MESH_STATE_DIR);
  const base = env.XDG_STATE_HOME || join(homedir(), ".local", "state");
  return join(base, "patchbay");
}

/** Where set-up keeps what it installed: a Node 24, a nats-server. Created private when absent. */
export function toolsDir(env = process.env) {
  const dir = join(stateDir(env), "tools");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}
