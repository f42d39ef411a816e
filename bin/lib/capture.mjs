import { spawn } from "node:child_process";

/**
 * Runs a command to its end and keeps the last 64 KiB of what it printed.
 * Never rejects: `code` is undefined when the command does not exist or ran out of time.
 */
export function capture(command, args, { env = process.env, cwd, timeoutMs = 10_000 } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-65_536);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const stop = () => child.kill("SIGKILL");
    process.once("exit", stop);
    const end = (code) => {
      clearTimeout(timer);
      process.removeListener("exit", stop);
      done({ code, output });
    };
    child.on("error", (error) => {
      output += error.message;
      end(undefined);
    });
    child.on("close", (code) => end(code ?? undefined));
  });
}

/** The last lines of an output that a person should see. */
export function lastLines(output, count = 12) {
  return output.trimEnd().split("\n").slice(-count).join("\n");
}
