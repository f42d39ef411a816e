// `npm test [-- FILES]`: all tests, with a Node 24 and a nats-server on PATH and a state folder of their own.
// `npm test -- --slow`: the tests in test/slow/, which install packages or take long.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { exitWithParent, stateDir } from "@patchbay/process";
import { findNatsServer } from "@patchbay/up";
import { root } from "./lib/sources.ts";

exitWithParent();
const ROOMS = [
  "bin",
  "cli",
  "model",
  "rules",
  "wire",
  "process",
  "plugin-calls",
  "testkit",
  "runtime",
  "services/*",
  "dataplanes/*",
  "plugins/*",
  "up",
  "sdk",
  "examples/*",
];
const args = process.argv.slice(2);
const slow = args.includes("--slow");
const named = args.filter((arg) => !arg.startsWith("--"));

/** Property tests try the same cases each time. */
const seed = new URL("lib/property-seed.ts", import.meta.url).href;
/** Ends a hung test file; long enough for a healthy one on a slow machine. */
const timeoutMs = slow ? 300_000 : 120_000;
const files = named.length > 0 ? named : testFiles();
if (files.length === 0) {
  console.log("there are no such tests");
  process.exit(slow ? 0 : 1);
}
const state = mkdtempSync(join(tmpdir(), "patchbay-test-"));
const child = spawn(process.execPath, nodeArgs(), { cwd: root, stdio: "inherit", env: await environment() });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code) => {
  rmSync(state, { recursive: true, force: true });
  process.exit(code ?? 1);
});

/** The tests of every room, in folders as its sources are; those under slow/ only when they are asked for. */
function testFiles(): string[] {
  const patterns = ROOMS.map((room) => `${room}/test/${slow ? "slow/" : ""}**/*.test.{ts,mjs}`);
  return globSync(patterns, { cwd: root, exclude: slow ? [] : ["**/slow/**"] }).sort();
}

function nodeArgs(): string[] {
  const concurrency = slow ? 1 : 3;
  return ["--test", "--import", seed, `--test-concurrency=${concurrency}`, `--test-timeout=${timeoutMs}`, ...files];
}

/** What a person's shell has, without what npm and a running mesh have added. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|MESH_(?!TEST_SEED$)|NODE_ENV$|INIT_CWD$)/i.test(name),
  );
  const env: NodeJS.ProcessEnv = Object.fromEntries(kept);
  const server = await findNatsServer({ env, toolsDir: join(stateDir(), "tools"), progress: console.log });
  const tools = server.kind === "program" ? [dirname(process.execPath), dirname(server.path)] : [];
  const compiled = join(stateDir(), "tools", "compile-cache");
  return { ...env, NODE_COMPILE_CACHE: compiled, MESH_STATE_DIR: state, PATH: [...tools, env.PATH].join(delimiter) };
}
