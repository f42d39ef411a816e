import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { root } from "../../lib/root.mjs";

const run = promisify(execFile);

describe("a fresh clone", () => {
  let folder = "";
  let clone = "";
  let state = "";
  let env = {};

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "patchbay-clone-"));
    clone = join(folder, "clone");
    state = join(folder, "state");
    // The Node and nats-server that ran the tests must not help: a stranger's machine has neither.
    const ours = new Set([dirname(process.execPath)]);
    const path = process.env.PATH.split(delimiter).filter(
      (dir) => !ours.has(dir) && !existsSync(join(dir, "nats-server")),
    );
    env = { ...process.env, PATH: path.join(delimiter), MESH_STATE_DIR: state, npm_config_update_notifier: "false" };
    execFileSync("git", ["clone", "--quiet", root, clone]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("runs the demo by npm start alone, and ends by itself with a summary", { timeout: 240_000 }, async () => {
    const { stdout } = await run("npm", ["start", "--", "--for", "10s"], { cwd: clone, env });
    assert.match(stdout, /http:\/\/127\.0\.0\.1:\d+\/\?token=\S+/);
    assert.match(stdout, /web -> payments {2}\d+\.\d%/);
    assert.match(stdout, /\d+ requests in 10 s, \d+\.\d% of them successful/);
    assertNothingLeft();
    assert.equal(execFileSync("git", ["status", "--porcelain"], { cwd: clone }).toString(), "");
  });

  it("has commands inside it and by the launchers", { timeout: 60_000 }, async () => {
    const version = /^\d+\.\d+\.\d+\n$/;
    assert.match((await run("npx", ["--no-install", "mesh", "--version"], { cwd: clone, env })).stdout, version);
    for (const name of ["mesh", "mesh-sdk"]) {
      assert.match((await run(join(state, "bin", name), ["--version"], { cwd: folder, env })).stdout, version);
    }
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"]) {
    it(`leaves nothing when npm is ended by ${signal}`, { timeout: 60_000 }, async () => {
      // A group of its own, as a terminal's: a person's Ctrl-C reaches all of it, a kill only npm.
      const npm = spawn("npm", ["start"], { cwd: clone, env, detached: true, stdio: ["ignore", "pipe", "ignore"] });
      let text = "";
      npm.stdout.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      while (!text.includes("token=")) await sleep(50);
      const { pid, address } = JSON.parse(readFileSync(join(state, "run.json"), "utf8"));
      const { pid: npmPid = 0 } = npm;
      process.kill(signal === "SIGINT" ? 0 - npmPid : npmPid, signal);
      await once(npm, "exit");
      const told = performance.now();
      while (isAlive(pid)) {
        assert.ok(performance.now() - told < 10_000, "the mesh is still there");
        await sleep(50);
      }
      assertNothingLeft();
      assert.equal(await accepts(address), false);
    });
  }

  function assertNothingLeft() {
    for (const file of ["run.json", "mesh.lock"]) assert.equal(existsSync(join(state, file)), false, `${file} is left`);
    const processes = execFileSync("ps", ["-eo", "args"]).toString();
    for (const line of processes.split("\n")) assert.ok(!line.includes(folder), `a process is left: ${line}`);
  }
});

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function accepts(address) {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
