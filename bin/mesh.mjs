#!/usr/bin/env node
// The command `mesh`, on any Node >= 20; the launchers in the state folder's bin/ come here too.
import { runEntry } from "./lib/setup-error.mjs";
import { runProject } from "./project.mjs";

await runEntry(() => runProject({ script: "cli/src/main.ts", args: process.argv.slice(2), mode: "runtime" }));
