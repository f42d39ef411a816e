import { exitWithParent } from "@patchbay/process/exit-with-parent";
import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/read-config.ts";
import { PluginMistake } from "../errors/mistake.ts";
import { sdkVersion } from "../version.ts";
import { CliError } from "./cli-error.ts";
import { devCommand } from "./dev-command.ts";
import { newCommand } from "./new/new-command.ts";
import { packCommand } from "./pack-command.ts";
import { startCommand } from "./start-command.ts";
import { testCommand } from "./test-command.ts";

exitWithParent();
process.exitCode = await main(process.argv.slice(2));

/** Runs one command line; returns the exit code: 0 done, 1 could not be done, 2 asked for in a wrong way. */
async function main(args: string[]): Promise<number> {
  const program = new Command("mesh-sdk")
    .description("Write a Patchbay plugin.")
    .version(sdkVersion)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .showSuggestionAfterError();
  for (const command of [newCommand(), devCommand(), testCommand(), startCommand(), packCommand()]) {
    program.addCommand(command.exitOverride().showSuggestionAfterError());
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has printed help or what is wrong with the command line.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof CliError || error instanceof PluginMistake || error instanceof ConfigError) {
    process.stderr.write(`mesh-sdk: ${error.message}\n`);
    return error instanceof CliError ? error.exitCode : 1;
  }
  process.stderr.write(`mesh-sdk: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
