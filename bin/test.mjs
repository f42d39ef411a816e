#!/usr/bin/env node
// `npm test [FILES]`: sets up everything that the tests need, then runs them.
import { root } from "./lib/root.mjs";
import { runEntry } from "./lib/setup-error.mjs";
import { runProject } from "./project.mjs";

await runEntry(() =>
  runProject({ script: "scripts/test.ts", args: process.argv.slice(2), mode: "development", cwd: root }),
);
