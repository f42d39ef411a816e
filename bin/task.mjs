#!/usr/bin/env node
// `npm run check|bench|generate|format`: the tasks that need the development packages.
import { root } from "./lib/root.mjs";
import { runEntry, SetupError } from "./lib/setup-error.mjs";
import { runProject } from "./project.mjs";

const scripts = {
  check: "scripts/check.ts",
  bench: "bench/src/main.ts",
  generate: "scripts/generate.ts",
  format: "scripts/format.ts",
};

await runEntry(() => {
  const [name = "", ...args] = process.argv.slice(2);
  const script = scripts[name];
  if (!script) throw new SetupError(`There is no task "${name}". Tasks: ${Object.keys(scripts).join(", ")}.`);
  return runProject({ script, args, mode: "development", cwd: root });
});
