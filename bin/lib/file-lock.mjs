import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Holds a file with this process's id while `work` runs, so that two runs of the same set-up follow each other.
 * The file of a process that is gone is taken over. `onWait(pid)` is called once when somebody else holds it.
 */
export async function withFileLock(path, work, { onWait = () => undefined, pollMs = 100 } = {}) {
  let told = false;
  while (!take(path)) {
    const holder = holderOf(path);
    if (!told && holder > 0 && isAlive(holder)) {
      told = true;
      onWait(holder);
    }
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * What a dead process left is replaced only by whoever holds the file beside it: otherwise two could find the same dead one, and
 * the slower one would remove what the faster one has just taken.
 */
function take(path) {
  if (create(path)) return true;
  if (!isLeft(path)) return false;
  const claim = `${path}.next`;
  if (!take(claim)) return false;
  if (isLeft(path)) {
    renameSync(claim, path);
    return true;
  }
  rmSync(claim, { force: true });
  return false;
}

/** Complete or not at all: nobody finds a file whose process id is yet to come. False when there is one. */
function create(path) {
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The file is there, and its process is not. */
function isLeft(path) {
  const holder = holderOf(path);
  return holder !== undefined && !(holder > 0 && isAlive(holder));
}

/** Undefined when the file is gone; NaN when it names nobody. */
function holderOf(path) {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
