#!/usr/bin/env node
// The command `mesh-sdk`. In an installed package it runs the built JavaScript beside it; in the clone, the sources.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const built = join(root, "dist", "cli", "main.js");
const needed = [22, 13];

if (!existsSync(built)) await runSources();
else if (isNewEnough(process.versions.node)) await import(pathToFileURL(built).href);
else process.exitCode = await runOnNewerNode();

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** The clone sets up its packages and its Node by itself. */
async function runSources() {
  const { runEntry } = await import("../../bin/lib/setup-error.mjs");
  const { runProject } = await import("../../bin/project.mjs");
  await runEntry(() => runProject({ script: "sdk/src/cli/main.ts", args: process.argv.slice(2), mode: "runtime" }));
}

/** Uses the Node that the mesh has installed for itself, when this machine's is too old. */
async function runOnNewerNode() {
  const node = meshNode();
  if (node) return runChild(node);
  process.stderr.write(
    `mesh-sdk needs Node ${needed.join(".")} or newer, and this is ${process.versions.node}.\n` +
      "Install a newer Node so that `node` on PATH is it, or start the mesh once (`npm start`), which brings one along.\n",
  );
  return 1;
}

/** The child holds the other end of a pipe and ends when this process does, however it does. */
function runChild(node) {
  const env = { ...process.env, MESH_PARENT_PIPE: "3" };
  const child = spawn(node, [built, ...process.argv.slice(2)], {
    env,
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  child.stdio[3].on("error", () => undefined);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // npm may be killed, and does not pass every signal on.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 300).unref();
  return new Promise((done) => {
    child.once("error", () => done(1));
    child.once("exit", (code) => done(code ?? 1));
  });
}

function meshNode() {
  const state =
    process.env.MESH_STATE_DIR || join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "patchbay");
  const packages = join(state, "tools", "node-24", "node_modules");
  if (!existsSync(packages)) return undefined;
  return readdirSync(packages)
    .map((name) => join(packages, name, "bin", process.platform === "win32" ? "node.exe" : "node"))
    .find((path) => existsSync(path));
}
