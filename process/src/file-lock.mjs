// Plain JavaScript without packages: bin/ takes this lock before packages are installed.
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Holds a file with this process's id while `work` runs, so that two runs of the same set-up follow each other.
 * The file of a process that is gone is taken over. `onWait(pid)` is called once when somebody else holds it.
 */
export async function withFileLock(path, work, { onWait = () => undefined, pollMs = 100 } = {}) {
  let told = false;
  while (!takeFileLock(path)) {
    const holder = fileLockHolder(path);
    if (!told && isAlive(holder)) {
      told = true;
      onWait(holder);
    }
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    releaseFileLock(path);
  }
}

/**
 * What a dead process left is replaced only by whoever holds the file beside it: otherwise two could find the same dead one, and
 * the slower one would remove what the faster one has just taken.
 */
export function takeFileLock(path) {
  if (create(path)) return true;
  if (!isLeft(path)) return false;
  const claim = `${path}.next`;
  if (!takeFileLock(claim)) return false;
  if (isLeft(path)) {
    renameSync(claim, path);
    return true;
  }
  rmSync(claim, { force: true });
  return false;
}

export function releaseFileLock(path) {
  if (fileLockHolder(path) === process.pid) rmSync(path, { force: true });
}

export function fileLockHolder(path) {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || 0;
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
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
  const holder = fileLockHolder(path);
  return holder !== undefined && !isAlive(holder);
}

function isAlive(pid) {
  return pid !== undefined && pid > 0 && processAlive(pid);
}

export function processAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: there is none. EPERM: another user's process got the number; who wrote a file that we can read was ours.
    return false;
  }
}
