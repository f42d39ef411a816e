import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, lchown, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  developmentKeyPath,
  ensureStateDir,
  type RunFile,
  readDevelopmentKey,
  readRunFile,
  removeRunFile,
  replacePrivateFile,
  runFilePath,
  StateError,
  stateDir,
  writeRunFile,
} from "@patchbay/process";
import { temporaryDir } from "@patchbay/testkit";

const run: RunFile = {
  version: 1,
  pid: process.pid,
  address: "http://127.0.0.1:4140",
  startedAt: new Date().toISOString(),
  mode: "single",
  profile: "cluster",
  defaultAuthorization: "allow",
};

function says(...words: string[]) {
  return (error: unknown) => error instanceof StateError && words.every((word) => error.message.includes(word));
}

describe("the state folder", () => {
  test("is MESH_STATE_DIR, else below XDG_STATE_HOME, else below the home", () => {
    assert.equal(stateDir({ MESH_STATE_DIR: "/a", XDG_STATE_HOME: "/b", HOME: "/c" }), "/a");
    assert.equal(stateDir({ XDG_STATE_HOME: "/b", HOME: "/c" }), "/b/patchbay");
    assert.equal(stateDir({ HOME: "/c" }), "/c/.local/state/patchbay");
  });

  // XDG Base Directory Specification: paths must be absolute, a relative one is to be ignored.
  test("ignores a relative XDG_STATE_HOME", () => {
    assert.equal(stateDir({ XDG_STATE_HOME: "st", HOME: "/c" }), "/c/.local/state/patchbay");
  });

  const asRoot = process.geteuid?.() === 0;
  test("is refused when another user owns it, or the link that leads to it", {
    skip: !asRoot && "only root can give files away",
  }, async () => {
    await using dir = await temporaryDir();
    const theirs = join(dir.path, "theirs");
    await mkdir(theirs, { mode: 0o700 });
    await chown(theirs, 12_345, 12_345);
    await assert.rejects(ensureStateDir(theirs), says("another user owns", "MESH_STATE_DIR"));
    const ours = join(dir.path, "ours");
    await mkdir(ours, { mode: 0o700 });
    const link = join(dir.path, "link");
    await symlink(ours, link);
    await ensureStateDir(link);
    await lchown(link, 12_345, 12_345);
    await assert.rejects(ensureStateDir(link), says("another user owns"));
  });

  test("is created for this user alone", async () => {
    await using dir = await temporaryDir();
    const path = join(dir.path, "x", "y");
    await ensureStateDir(path);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  test("is refused when others may write into it", async () => {
    await using dir = await temporaryDir();
    await chmod(dir.path, 0o770);
    await assert.rejects(readDevelopmentKey(dir.path), says("write", "chmod 700"));
  });
});

describe("the development key", () => {
  test("is created once, readable by this user alone, and stays the same", async () => {
    await using dir = await temporaryDir();
    const key = await readDevelopmentKey(dir.path);
    assert.equal(key.length, 32);
    assert.deepEqual(await readDevelopmentKey(dir.path), key);
    assert.equal((await stat(developmentKeyPath(dir.path))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir.path), ["development.key"]);
  });

  test("is one for all who start together", async () => {
    await using dir = await temporaryDir();
    const keys = await Promise.all(Array.from({ length: 20 }, () => readDevelopmentKey(dir.path)));
    assert.equal(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size, 1);
  });

  test("is refused when others can read it", async () => {
    await using dir = await temporaryDir();
    await readDevelopmentKey(dir.path);
    await chmod(developmentKeyPath(dir.path), 0o640);
    await assert.rejects(readDevelopmentKey(dir.path), says("can read", "rm "));
  });

  test("is refused when it is a link, which others may turn elsewhere", async () => {
    await using dir = await temporaryDir();
    await using other = await temporaryDir();
    await readDevelopmentKey(other.path);
    await symlink(developmentKeyPath(other.path), developmentKeyPath(dir.path));
    await assert.rejects(readDevelopmentKey(dir.path), says("is a link", "rm "));
  });

  test("is refused when the file holds something else", async () => {
    await using dir = await temporaryDir();
    await writeFile(developmentKeyPath(dir.path), "hello", { mode: 0o600 });
    await assert.rejects(readDevelopmentKey(dir.path), says("is not a development key"));
  });
});

describe("a private file", () => {
  test("that cannot be put in its place leaves nothing behind", async () => {
    await using dir = await temporaryDir();
    await mkdir(join(dir.path, "taken"));
    await assert.rejects(replacePrivateFile(join(dir.path, "taken"), "text"));
    assert.deepEqual(await readdir(dir.path), ["taken"]);
  });
});

describe("the run file", () => {
  test("says what runs, to this user alone", async () => {
    await using dir = await temporaryDir();
    await writeRunFile(dir.path, run);
    assert.deepEqual(await readRunFile(dir.path), run);
    assert.equal((await stat(runFilePath(dir.path))).mode & 0o777, 0o600);
  });

  test("says nothing when absent, when its process is gone, or when it is from before the last boot", async () => {
    await using dir = await temporaryDir();
    assert.equal(await readRunFile(dir.path), undefined);
    const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(gone, "exit");
    await writeRunFile(dir.path, { ...run, pid: gone.pid ?? 0 });
    assert.equal(await readRunFile(dir.path), undefined);
    await writeRunFile(dir.path, { ...run, startedAt: "2001-01-01T00:00:00Z" });
    assert.equal(await readRunFile(dir.path), undefined);
  });

  test("of a newer version is an error that says so", async () => {
    await using dir = await temporaryDir();
    await writeFile(runFilePath(dir.path), JSON.stringify({ ...run, version: 2 }));
    await assert.rejects(readRunFile(dir.path), says("newer version", "format 2"));
  });

  test("that cannot be understood is an error with a way out", async () => {
    await using dir = await temporaryDir();
    for (const text of ["", "{", "[]", "null", JSON.stringify({ ...run, pid: -1 })]) {
      await writeFile(runFilePath(dir.path), text);
      await assert.rejects(readRunFile(dir.path), says("remove it"));
    }
  });

  test("is removed by its own mesh only", async () => {
    await using dir = await temporaryDir();
    await removeRunFile(dir.path);
    await writeRunFile(dir.path, { ...run, pid: process.ppid });
    await removeRunFile(dir.path);
    assert.ok((await readFile(runFilePath(dir.path), "utf8")).includes(String(process.ppid)));
    await removeRunFile(dir.path, process.ppid);
    assert.deepEqual(await readdir(dir.path), []);
  });

  test("creates the folder that it needs", async () => {
    await using dir = await temporaryDir();
    await mkdir(join(dir.path, "a"));
    await writeRunFile(join(dir.path, "a", "b"), run);
    assert.deepEqual(await readRunFile(join(dir.path, "a", "b")), run);
  });
});
