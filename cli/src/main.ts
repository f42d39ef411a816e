import { Code, ConnectError } from "@connectrpc/connect";
import { MeshRunningError, NatsServerMissingError, PortTakenError } from "@patchbay/up";
import { errorMessage, exitWithParent, StateError } from "@patchbay/wire";
import { CommanderError } from "commander";
import { CliError, exitCodes } from "./errors.ts";
import { paint } from "./output/output.ts";
import { createProgram } from "./program.ts";

/** Errors whose message is all there is to say. */
const forPeople = [CliError, StateError, MeshRunningError, NatsServerMissingError, PortTakenError];

exitWithParent();
// A reader that went away (`mesh stat | head`) is no error.
process.stdout.on("error", () => process.exit(exitCodes.ok));

const program = createProgram();
for (const command of [program, ...program.commands]) command.exitOverride();
try {
  await program.parseAsync();
  process.exit();
} catch (error) {
  process.exit(report(error));
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
  if (error instanceof Error && !forPeople.some((type) => error instanceof type)) {
    return process.env.MESH_LOG_LEVEL === "debug" ? (error.stack ?? error.message) : error.message;
  }
  return errorMessage(error);
}

function hintOf(code: Code): string {
  if (code === Code.Unauthenticated)
    return "\nAre the mesh and this command using the same state folder (MESH_STATE_DIR)?";
  if (code === Code.Unavailable || code === Code.DeadlineExceeded) return "\n`mesh check` tells what is missing.";
  return "";
}
