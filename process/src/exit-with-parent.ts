import { Socket } from "node:net";

/** Names the file descriptor of the pipe that the parent holds the other end of. */
export const PARENT_PIPE = "MESH_PARENT_PIPE";

// From SIGTERM to SIGKILL. Longer than every drain time on a laptop.
const GRACE_MS = 2500;

let watching = false;

/**
 * Dies with the parent, also when the parent was killed: when the pipe from spawnDieWithParent closes, sends SIGTERM to this
 * process, and SIGKILL 2.5 s later. (Linux has PR_SET_PDEATHSIG for this; a pipe works on every system.)
 * Does nothing without such a pipe, or when called again. Does not keep the process alive.
 */
export function exitWithParent(env: NodeJS.ProcessEnv = process.env): void {
  const fd = Number(env[PARENT_PIPE]);
  if (watching || !Number.isSafeInteger(fd) || fd < 3) return;
  watching = true;
  // The number means nothing to the children of this process.
  delete env[PARENT_PIPE];
  watchParentPipe(fd, endThisProcess);
}

/** Calls `gone` once when the other end of pipe `fd` closes. */
function watchParentPipe(fd: number, gone: () => void): void {
  let pipe: Socket;
  try {
    pipe = new Socket({ fd, readable: true, writable: false });
  } catch {
    // No such descriptor: the variable came from an ancestor that is not our parent.
    return;
  }
  pipe.on("error", () => undefined);
  pipe.once("close", gone);
  pipe.resume();
  pipe.unref();
}

function endThisProcess(): void {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), GRACE_MS).unref();
  process.kill(process.pid, "SIGTERM");
}
