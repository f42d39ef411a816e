import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { stateDir } from "../../process/src/state-path.mjs";

// Loaded in front of the project's code: compiled code is kept in the state folder, so that a command starts in two
// thirds of the time. Not before the folder exists, which its creator makes private.
const tools = join(stateDir(), "tools");
if (existsSync(tools)) enableCompileCache(join(tools, "compile-cache"));
