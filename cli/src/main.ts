import { Code, ConnectError } from "@connectrpc/connect";
import { errorMessage } from "@patchbay/model";
import { exitWithParent } from "@patchbay/process";
import { CommanderError } from "commander";
import { CliError, exitCodes } from "./errors.ts";
import { paint } from "./output/output.ts";
import { commandIn, createProgram } from "./program.ts";
import { endWithReader } from "./stop-request.ts";

exitWithParent();
endWithReader();

const program = await createProgram(commandIn(process.argv.slice(2)));
for (const command of [program, ...program.commands]) command.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
await Promise.all([process.stdout, process.stderr].map(written));
process.exit();

/** A pipe takes 64 KiB at a time; what is still on its way at the exit would be lost. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => void stream.write("", () => resolve()));
}

/** Says what went wrong, on standard error, and returns the exit code. */
function report(error: unknown): number {
  // Commander has printed its own message; asking for help or the version is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  process.stderr.write(`${paint("bad", "mesh:")} ${messageOf(error)}\n`);
  return error instanceof CliError ? error.exitCode : exitCodes.failure;
}

function messageOf(error: unknown): string {
  if (error instanceof ConnectError) return `${error.rawMessage}${hintOf(error.code)}`;
  if (process.env.MESH_LOG_LEVEL === "debug" && error instanceof Error) return error.stack ?? error.message;
  return errorMessage(error);
}

function hintOf(code: Code): string {
  if (code === Code.Unauthenticated) {
    return "\nAre the mesh and this command using the same state folder (MESH_STATE_DIR)?";
  }
  if (code === Code.Unavailable || code === Code.DeadlineExceeded) return "\n`mesh check` tells what is missing.";
  return "";
}
