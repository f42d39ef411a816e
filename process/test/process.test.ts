import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type SupervisedOptions, type SupervisedProcess, spawnDieWithParent, spawnSupervised } from "@patchbay/process";
import { eventually, processRunning } from "@patchbay/testkit";

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const CHILD = fixture("child.ts");
const PARENT = fixture("parent.ts");
// Prints its process id, starts a grandchild and prints that too.
const FAMILY = "echo $$; sleep 30 & echo $!; wait";

const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill("SIGKILL");
  for (const child of supervised) child.killCommand();
});

const supervised: SupervisedProcess[] = [];

function supervise(script: string, options: SupervisedOptions = {}): SupervisedProcess {
  const child = spawnSupervised("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"], ...options });
  supervised.push(child);
  return child;
}

function startParent(...args: string[]): ChildProcess {
  const parent = spawn(process.execPath, [PARENT, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(parent);
  return parent;
}

function reader(child: ChildProcess): AsyncIterator<string> {
  assert.ok(child.stdout);
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

async function lines(child: ChildProcess, count: number): Promise<string[]> {
  const found: string[] = [];
  const output = reader(child);
  while (found.length < count) found.push((await output.next()).value ?? "");
  return found;
}

async function noneOf(pids: readonly number[]): Promise<boolean> {
  return !(await Promise.all(pids.map(processRunning))).includes(true);
}

async function exitOf(child: ChildProcess): Promise<[number | null, string | null]> {
  if (child.exitCode !== null || child.signalCode !== null) return [child.exitCode, child.signalCode];
  const [code, signal] = await once(child, "exit");
  return [code, signal];
}

describe("a child that dies with its parent", { concurrency: true }, () => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    test(`ends when its parent is ended by ${signal}`, async () => {
      const parent = startParent("die-with-parent", process.execPath, CHILD);
      const [line = ""] = await lines(parent, 1);
      const pid = Number(line.split(" ")[0]);
      assert.ok(await processRunning(pid));
      parent.kill(signal);
      await eventually(async () => !(await processRunning(pid)));
    });
  }

  test("ends also when it ignores SIGTERM", async () => {
    const parent = startParent("die-with-parent", process.execPath, CHILD, "stubborn");
    const [line = ""] = await lines(parent, 1);
    parent.kill("SIGKILL");
    await eventually(async () => !(await processRunning(Number(line.split(" ")[0]))));
  });

  test("does not hand the number of its pipe on to its own children", async () => {
    const child = spawnDieWithParent(process.execPath, [CHILD], { stdio: ["ignore", "pipe", "inherit"] });
    started.push(child);
    const [line = ""] = await lines(child, 1);
    assert.equal(line.split(" ")[1], "none");
    child.kill("SIGTERM");
    assert.deepEqual(await exitOf(child), [null, "SIGTERM"]);
  });

  test("that cannot be started is reported by its error event", async () => {
    const [error] = await once(spawnDieWithParent("/no/such/program", []), "error");
    assert.equal(error.code, "ENOENT");
  });
});

describe("a supervised program", { concurrency: true }, () => {
  test("ends with everything that it started when the parent is killed with -9", async () => {
    const parent = startParent("supervised", "sh", "-c", FAMILY);
    const pids = (await lines(parent, 2)).map(Number);
    assert.ok(!(await noneOf(pids)));
    parent.kill("SIGKILL");
    await eventually(() => noneOf(pids));
  });

  test("ends also when it ignores SIGTERM", async () => {
    const parent = startParent("supervised", "sh", "-c", 'trap "" TERM; echo $$; for i in $(seq 30); do sleep 1; done');
    const [pid = ""] = await lines(parent, 1);
    parent.kill("SIGKILL");
    await eventually(async () => !(await processRunning(Number(pid))));
  });

  test("gives its exit code to the supervisor, and its signal", async () => {
    assert.deepEqual(await exitOf(spawnSupervised("sh", ["-c", "exit 7"])), [7, null]);
    assert.deepEqual(await exitOf(spawnSupervised("sh", ["-c", "kill -KILL $$"])), [null, "SIGKILL"]);
    assert.deepEqual(await exitOf(spawnSupervised("sh", ["-c", "kill -TERM $$"])), [null, "SIGTERM"]);
  });

  test("that does not exist gives 127 and a sentence", async () => {
    const child = spawnSupervised("/no/such/program", [], { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr?.on("data", (chunk) => (text += chunk));
    assert.deepEqual(await exitOf(child), [127, null]);
    assert.match(text, /cannot start \/no\/such\/program/);
    assert.equal(await child.commandPid, undefined);
  });

  test("gets the signals that are sent to the supervisor", async () => {
    const child = supervise(
      'trap "echo hup" HUP; trap "exit 5" TERM; echo ready; for i in $(seq 600); do sleep 0.05; done',
    );
    const output = reader(child);
    assert.equal((await output.next()).value, "ready");
    child.kill("SIGHUP");
    assert.equal((await output.next()).value, "hup");
    child.kill("SIGTERM");
    assert.deepEqual(await exitOf(child), [5, null]);
  });

  test("can be ended at once with all that it started", async () => {
    const child = supervise(FAMILY);
    const pids = (await lines(child, 2)).map(Number);
    assert.equal(pids[0], await child.commandPid);
    child.killCommand();
    assert.deepEqual(await exitOf(child), [null, "SIGKILL"]);
    await eventually(() => noneOf(pids));
  });

  test("leaves nothing of its group behind when it ends by itself", async () => {
    const child = supervise("sleep 30 & echo $!");
    const [pid = ""] = await lines(child, 1);
    assert.deepEqual(await exitOf(child), [0, null]);
    await eventually(async () => !(await processRunning(Number(pid))));
  });

  test("shares the terminal's group when asked to, and still ends with the parent", async () => {
    const child = supervise("echo ready; exec sleep 30", { group: false });
    await lines(child, 1);
    const pid = (await child.commandPid) ?? 0;
    child.kill("SIGINT");
    assert.deepEqual(await exitOf(child), [null, "SIGINT"]);
    assert.ok(!(await processRunning(pid)));
  });
});
