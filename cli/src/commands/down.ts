import { pause } from "@patchbay/model";
import { processAlive, readRunFile, stateDir } from "@patchbay/process";
import { Command } from "commander";
import { noMesh } from "../connect.ts";
import { CliError } from "../errors.ts";
import { type OutputOption, outputOption, print, printJson } from "../output/output.ts";

const WITHIN_MS = 6_000;

export function downCommand(): Command {
  return new Command("down")
    .description("stop the running mesh and wait until it is gone")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh down

Works for a mesh of \`mesh up\` and of \`npm start\`. Exit code 3 when none runs.`,
    )
    .action(down);
}

async function down(options: OutputOption): Promise<void> {
  const dir = stateDir();
  const run = await readRunFile(dir);
  if (!run) throw noMesh(dir);
  process.kill(run.pid, "SIGTERM");
  const deadline = performance.now() + WITHIN_MS;
  while (processAlive(run.pid)) {
    if (performance.now() > deadline) {
      throw new CliError(
        `Process ${run.pid} has not ended after ${WITHIN_MS / 1_000} s. End it with \`kill -9 ${run.pid}\`.`,
      );
    }
    await pause(50);
  }
  if (options.output === "json") printJson({ stopped: true, pid: run.pid, address: run.address });
  else print(`The mesh at ${run.address} has stopped.`);
}
