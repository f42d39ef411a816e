// Plain JavaScript without packages: bin/ needs it before packages are installed.
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

export function stateDir({ MESH_STATE_DIR: dir = "", XDG_STATE_HOME: base = "", HOME: home = "" } = process.env) {
  if (dir !== "") return resolve(dir);
  return join(isAbsolute(base) ? base : join(home === "" ? homedir() : home, ".local", "state"), "patchbay");
}
