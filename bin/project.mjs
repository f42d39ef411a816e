import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runDieWithParent, watchNpm } from "./die-with-parent.mjs";
import { createProgress } from "./lib/progress.mjs";
import { root } from "./lib/root.mjs";
import { findNode24 } from "./node24.mjs";
import { ensurePackages } from "./packages.mjs";

const compileCache = new URL("./lib/compile-cache.mjs", import.meta.url).href;

/**
 * Sets up what a script of this clone needs (packages of the mode, a Node 24) and runs it with `args`: in this
 * process when its Node is new enough, else in a child that dies with it. `script` is a path inside the clone.
 * Returns the child's exit code; undefined when the script runs here and sets its own.
 */
export async function runProject({ script, args, mode, cwd = process.cwd() }) {
  const progress = createProgress();
  await ensurePackages({ root, mode, progress });
  const node = await findNode24({ progress });
  const path = join(root, script);
  if (node === process.execPath) return runHere({ path, args, cwd });
  // The first releases of Node 24 still warn that they erase types.
  return runDieWithParent(node, ["--disable-warning=ExperimentalWarning", "--import", compileCache, path, ...args], {
    cwd,
  });
}

async function runHere({ path, args, cwd }) {
  process.chdir(cwd);
  process.argv = [process.execPath, path, ...args];
  await watchNpm(() => process.kill(process.pid, "SIGTERM"));
  await import(compileCache);
  await import(pathToFileURL(path).href);
  return undefined;
}
