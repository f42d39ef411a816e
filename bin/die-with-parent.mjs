import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { capture } from "./lib/capture.mjs";

const KILL_AFTER_MS = 4000;
const WATCH_PARENT_MS = 300;

/**
 * Runs another Node with this one's standard streams and returns its exit code. The child dies with this process, also when this
 * one is killed: it watches a pipe (MESH_PARENT_PIPE) that the system closes. This process in turn dies with the npm that started
 * it, since npm does not forward every signal and may be killed.
 * SIGHUP keeps its default on purpose: it ends this process (unless nohup), and the pipe does the rest.
 */
export async function runDieWithParent(nodePath, args, { env = process.env, cwd } = {}) {
  const child = spawn(nodePath, args, {
    cwd,
    env: { ...env, MESH_PARENT_PIPE: "3" },
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  child.stdio[3].on("error", () => undefined);
  const forward = (signal) => child.kill(signal);
  process.on("SIGINT", forward);
  process.on("SIGTERM", forward);
  watchOwnParent(env.MESH_PARENT_PIPE, () => endChild(child));
  const stopWatching = await watchNpm(() => endChild(child));
  const [code, signal] = await ended(child);
  stopWatching();
  process.removeListener("SIGINT", forward);
  process.removeListener("SIGTERM", forward);
  if (signal !== null) return mirror(signal);
  return code ?? 1;
}

function ended(child) {
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("exit", (code, signal) => done([code, signal]));
  });
}

/** Ends this process the way its child ended, so that a caller sees the same. */
async function mirror(signal) {
  process.kill(process.pid, signal);
  await sleep(100);
  return 1;
}

function endChild(child) {
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
}

/** This process may itself have to die with a parent. */
function watchOwnParent(descriptor, onGone) {
  const fd = Number(descriptor);
  // An empty text would be 0, the standard input.
  if (!Number.isSafeInteger(fd) || fd < 3) return;
  try {
    const pipe = new Socket({ fd, readable: true, writable: false });
    pipe.on("error", () => undefined).once("close", onGone);
    pipe.resume().unref();
  } catch {
    // No such descriptor: the variable came from an ancestor that is not our parent.
  }
}

/**
 * Calls `onGone` once when the npm above is gone. Only under npm: a mesh started by `nohup … &` outlives its shell.
 * npm may have put a shell in between, so the parent's parent is watched too.
 */
export async function watchNpm(onGone) {
  if (!process.env.npm_lifecycle_event || process.platform === "win32") return () => undefined;
  const parent = process.ppid;
  const above = await parentOf(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && (above === undefined || isAlive(above))) return;
    clearInterval(timer);
    onGone();
  }, WATCH_PARENT_MS).unref();
  return () => clearInterval(timer);
}

/** Undefined when the parent is npm itself, or `ps` is missing. */
async function parentOf(pid) {
  const { code, output } = await capture("ps", ["-o", "ppid=,comm=", "-p", String(pid)]);
  const found = /^\s*(\d+)\s+(.*)$/m.exec(output);
  if (code !== 0 || !found) return undefined;
  const isShell = /(^|\/)-?(sh|bash|dash|zsh|ash|busybox)$/.test(found[2].trim());
  return isShell && Number(found[1]) > 1 ? Number(found[1]) : undefined;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
