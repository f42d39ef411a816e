import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort, tryPort } from "../src/free-port.ts";
import { holdState, MeshRunningError } from "../src/hold-state.ts";
import { pathLine, writeLaunchers } from "../src/launchers.ts";
import { type Layout, layout } from "../src/layout.ts";
import { openLogFile } from "../src/log-file.ts";
import { prepareState } from "../src/prepare-state.ts";

describe("the state folder", () => {
  let paths: Layout;

  beforeEach(async () => {
    paths = layout(await mkdtemp(join(tmpdir(), "patchbay state ")));
    await prepareState(paths);
  });
  afterEach(() => rm(paths.dir, { recursive: true, force: true }));

  it("is private and has a format", async () => {
    assert.equal((await stat(paths.logs)).mode & 0o777, 0o700);
    assert.equal(await readFile(paths.format, "utf8"), "1\n");
  });

  it("of a newer version is refused with a way out", async () => {
    await writeFile(paths.format, "7\n");
    await assert.rejects(prepareState(paths), /has format 7.*use the newer version/);
  });

  it("is held by one mesh at a time", async () => {
    const release = await holdState(paths);
    await assert.rejects(holdState(paths), (error: unknown) => {
      assert.ok(error instanceof MeshRunningError);
      assert.equal(error.pid, process.pid);
      assert.match(error.message, /already running.*mesh down/s);
      return true;
    });
    release();
    (await holdState(paths))();
    assert.deepEqual((await readdir(paths.dir)).includes("mesh.lock"), false);
  });

  it("that a killed process held is taken over", async () => {
    // No process has this number: it is beyond the highest that any system gives.
    await writeFile(paths.lock, "99999999\n");
    (await holdState(paths))();
  });

  it("that a killed process held is taken over by one of many that start at the same moment", async () => {
    await writeFile(paths.lock, "99999999\n");
    await writeFile(`${paths.lock}.next`, "99999998\n");
    const racers = Array.from({ length: 8 }, () => startRacer(paths));
    const outcomes = await Promise.all(racers.map(({ outcome }) => outcome));
    for (const { child } of racers) child.stdin.end();
    assert.deepEqual(outcomes.sort(), [...Array.from({ length: 7 }, () => "MeshRunningError"), "held"]);
    await Promise.all(racers.map(({ ended }) => ended));
    assert.deepEqual(
      (await readdir(paths.dir)).filter((name) => name.startsWith("mesh.lock")),
      [],
    );
  });

  it("holds launchers that run this clone's commands, whatever the folder's name", async () => {
    await writeLaunchers(paths.bin);
    const { stdout } = await promisify(execFile)("sh", ["-c", `${pathLine(paths.bin)}; mesh --version`]);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

/** A process that tries to hold the state, says what came of it, and stays until its input ends. */
function startRacer(paths: Layout) {
  const child = spawn(process.execPath, [RACER, JSON.stringify(paths)], { stdio: ["pipe", "pipe", "inherit"] });
  const outcome = once(child.stdout.setEncoding("utf8"), "data").then(([text]: unknown[]) => String(text).trim());
  return { child, outcome, ended: once(child, "close") };
}

const RACER = fileURLToPath(new URL("fixtures/hold-state.ts", import.meta.url));

describe("a log file", () => {
  it("keeps two files of bounded size", async () => {
    const dir = await mkdtemp(join(tmpdir(), "patchbay-logs-"));
    const log = openLogFile({ dir, name: "registry", maxBytes: 100 });
    for (let line = 0; line < 100; line++) log.write(`${"x".repeat(20)}\n`);
    log.close();
    log.write("after the end: ignored");
    assert.deepEqual((await readdir(dir)).sort(), ["registry.log", "registry.log.1"]);
    for (const file of await readdir(dir)) assert.ok((await stat(join(dir, file))).size <= 130);
    await rm(dir, { recursive: true });
  });
});

describe("a free port", () => {
  it("is the wanted one, or another when somebody listens there", async () => {
    const server = createServer();
    const taken = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address ? address.port : 0);
      });
    });
    assert.equal(await tryPort("127.0.0.1", taken), undefined);
    const other = await freePort("127.0.0.1", taken);
    assert.notEqual(other, taken);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await freePort("127.0.0.1", taken), taken);
  });
});
