// Plain JavaScript without packages: bin/ takes this lock before packages are installed.
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Holds a file with this process's id while `work` runs, so that two runs of the same set-up follow each other.
 * A dead process's lock is taken over. `onWait(pid)` is called once when a living process holds it.
 */
export async function withFileLock(path, work, { onWait = () => undefined, pollMs = 100 } = {}) {
  let waiting = false;
  while (!takeFileLock(path)) {
    const holder = fileLockHolder(path);
    if (!waiting && isAlive(holder)) {
      waiting = true;
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
 * A dead process's lock is replaced only by the holder of a second lock beside it: otherwise two processes could find the same
 * stale lock, and the slower one would remove what the faster one has just taken.
 */
export function takeFileLock(path) {
  if (create(path)) return true;
  if (!isStale(path)) return false;
  const claim = `${path}.next`;
  if (!takeFileLock(claim)) return false;
  if (isStale(path)) {
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
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isNaN(pid) ? 0 : pid;
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A link to a ready file, so that no reader finds it without a process id. False when the file exists. */
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

/** The file exists, and its process does not. */
function isStale(path) {
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
    // ESRCH: no such process. EPERM: the id was reused by another user's process; only our own wrote the file.
    return false;
  }
}
