// Supervises a program that cannot watch its parent's pipe itself.
//   node supervisor.mjs '{"graceMs":1000,"group":true}' COMMAND [ARGUMENT]...
// Starts the command, as leader of a process group when `group` is true; forwards signals to it; exits with its code or signal;
// and when the parent's pipe closes, or says "kill", ends the command and its group.
// Plain JavaScript: it starts fast, on any Node.
import { spawn } from "node:child_process";
import { Socket } from "node:net";

const [settings = "{}", command = "", ...args] = process.argv.slice(2);
const { graceMs = 1000, group = true } = JSON.parse(settings);
const pipeFd = Number(process.env.MESH_PARENT_PIPE);
delete process.env.MESH_PARENT_PIPE;

const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"];
let ending = false;
let killed = false;

// Before the command starts, which may cause a signal at once.
for (const signal of FORWARDED) process.on(signal, () => send(signal));
const child = spawn(command, args, { stdio: "inherit", detached: group });
child.once("error", cannotStart);
child.once("exit", (code, signal) => void ended(code, signal));
const pipe = watchParent();

function watchParent() {
  if (!Number.isSafeInteger(pipeFd) || pipeFd < 3) return undefined;
  const parent = new Socket({ fd: pipeFd, readable: true, writable: true });
  parent.on("error", () => undefined);
  parent.on("data", (text) => {
    if (!String(text).includes("kill")) return;
    killed = true;
    send("SIGKILL");
  });
  parent.once("close", end);
  if (child.pid !== undefined) parent.write(`${child.pid}\n`);
  return parent;
}

/** Sends to the command and, when it leads a group, to the whole group. False when no process is left. */
function send(signal) {
  if (child.pid === undefined) return false;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The parent is gone. */
function end() {
  if (ending) return;
  ending = true;
  if (!send("SIGTERM")) process.exit(1);
  setTimeout(() => send("SIGKILL"), graceMs);
}

function cannotStart(error) {
  const why = error.code === "ENOENT" ? "no such program on the PATH" : error.message;
  process.stderr.write(`cannot start ${command}: ${why}\n`);
  process.exit(error.code === "ENOENT" ? 127 : 126);
}

/** The command ended: end what it left in its group, then exit as it did. */
async function ended(code, signal) {
  if (group && !killed && send("SIGTERM")) {
    for (let waited = 0; waited < graceMs && send(0); waited += 20) await new Promise((done) => setTimeout(done, 20));
    send("SIGKILL");
  }
  pipe?.destroy();
  if (signal === null) process.exit(code);
  for (const forwarded of FORWARDED) process.removeAllListeners(forwarded);
  process.kill(process.pid, signal);
  // A signal that does not end this process, such as one that is ignored: the shell's convention.
  setTimeout(() => process.exit(1), 100);
}
