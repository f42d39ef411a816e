#!/usr/bin/env node
// `npm start`: sets up, then runs control plane, demo application and load until it is stopped.
import { runEntry } from "./lib/setup-error.mjs";
import { runProject } from "./project.mjs";

await runEntry(() =>
  runProject({ script: "cli/src/main.ts", args: ["demo", ...process.argv.slice(2)], mode: "runtime" }),
);
