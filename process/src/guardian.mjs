// Stands between a supervisor and a program that cannot watch a pipe itself.
//   node guardian.mjs '{"graceMs":1000,"group":true}' COMMAND [ARGUMENT]...
// Starts the command, in a process group of its own when `group` is true; passes signals on to it; ends as it ends;
// and when the supervisor's pipe closes, or says "kill", ends the command and its group.
// Plain JavaScript, because it has to start fast and on any Node.
import { spawn } from "node:child_process";
import { Socket } from "node:net";

const [settings = "{}", command = "", ...args] = process.argv.slice(2);
const { graceMs = 1000, group = true } = JSON.parse(settings);
const pipeFd = Number(process.env.MESH_PARENT_PIPE);
delete process.env.MESH_PARENT_PIPE;

const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"];
let ending = false;
let killed = false;

// Before the command is there, which may be quick to cause a signal.
for (const signal of FORWARDED) process.on(signal, () => send(signal));
const child = spawn(command, args, { stdio: "inherit", detached: group });
child.once("error", cannotStart);
child.once("exit", (code, signal) => void ended(code, signal));
const pipe = watchSupervisor();

function watchSupervisor() {
  if (!Number.isSafeInteger(pipeFd) || pipeFd < 3) return undefined;
  const supervisor = new Socket({ fd: pipeFd, readable: true, writable: true });
  supervisor.on("error", () => undefined);
  supervisor.on("data", (text) => {
    if (!String(text).includes("kill")) return;
    killed = true;
    send("SIGKILL");
  });
  supervisor.once("close", end);
  if (child.pid !== undefined) supervisor.write(`${child.pid}\n`);
  return supervisor;
}

/** Sends to the command and, when it leads a group, to whatever it started. False when nobody is left. */
function send(signal) {
  if (child.pid === undefined) return false;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The supervisor is gone: nobody wants this command any more. */
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

/** The command ended: end what it left in its group, then as it did. */
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
