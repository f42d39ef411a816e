import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const dieWithParent = pathToFileURL(fileURLToPath(new URL("../die-with-parent.mjs", import.meta.url))).href;
const exitWithParent = new URL("../../process/src/exit-with-parent.ts", import.meta.url).href;

describe("a Node that dies with its entry script", () => {
  let folder = "";
  let entry = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "patchbay-die-with-parent-"));
    entry = write(
      "entry.mjs",
      `import { runDieWithParent } from "${dieWithParent}";
process.exitCode = await runDieWithParent(process.argv[2], process.argv.slice(3));`,
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function write(name, text) {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Prints its process id and stays until SIGTERM, which it notes. */
  const stayer = () =>
    write(
      "stayer.mjs",
      `import { exitWithParent } from "${exitWithParent}";
exitWithParent();
process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(7));
setInterval(() => undefined, 1000);
console.log(process.pid);`,
    );

  it("gets the arguments and gives its exit code", () => {
    const script = write("exit.mjs", "process.exit(Number(process.argv[2]))");
    assert.equal(spawnSync(process.execPath, [entry, process.execPath, script, "42"]).status, 42);
  });

  it("that a signal ended ends its entry by the same signal", () => {
    const script = write("killed.mjs", 'process.kill(process.pid, "SIGKILL")');
    assert.equal(spawnSync(process.execPath, [entry, process.execPath, script]).signal, "SIGKILL");
  });

  it("gets SIGINT and SIGTERM", async () => {
    const { child } = await start([entry, process.execPath, stayer()]);
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    assert.equal(code, 7);
  });

  for (const signal of ["SIGKILL", "SIGHUP", "SIGTERM", "SIGQUIT"]) {
    it(`ends when its entry ends by ${signal}`, async () => {
      const { child, pid } = await start([entry, process.execPath, stayer()]);
      child.kill(signal);
      await gone(pid);
    });
  }

  it("ends when the npm above its entry is killed", async () => {
    // What npm does: it says so in the environment, and starts the script by a shell.
    const npm = write(
      "npm.mjs",
      `import { spawn } from "node:child_process";
spawn("sh", ["-c", ${JSON.stringify(`${process.execPath} ${entry} ${process.execPath} ${stayer()}; true`)}], { stdio: "inherit",
  env: { ...process.env, npm_lifecycle_event: "start" } });`,
    );
    const { child, pid } = await start([npm]);
    child.kill("SIGKILL");
    await gone(pid);
  });
});

async function start(args) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  return { child, pid: Number(String(line)) };
}

async function gone(pid) {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    assert.ok(performance.now() < deadline, `process ${pid} is still there`);
    await sleep(30);
  }
}
