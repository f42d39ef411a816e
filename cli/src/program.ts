import { CORE_VERSION } from "@patchbay/runtime";
import { Command } from "commander";
import { checkCommand } from "./commands/check.ts";
import { cleanCommand } from "./commands/clean.ts";
import { completionCommand } from "./commands/completion.ts";
import { demoCommand } from "./commands/demo.ts";
import { downCommand } from "./commands/down.ts";
import { endpointsCommand } from "./commands/endpoints.ts";
import { eventsCommand } from "./commands/events.ts";
import { explainCommand } from "./commands/explain.ts";
import { logsCommand } from "./commands/logs.ts";
import { natsConfigCommand } from "./commands/nats-config.ts";
import { pluginsCommand } from "./commands/plugins.ts";
import { runCommand } from "./commands/run.ts";
import { statCommand } from "./commands/stat.ts";
import { upCommand } from "./commands/up.ts";
import { versionCommand } from "./commands/version.ts";

/** The command line of `mesh`, before it is given any arguments. */
export function createProgram(): Command {
  const program = new Command("mesh")
    .description("Patchbay: a service mesh for your laptop and your cluster, extended by small gRPC services")
    .version(CORE_VERSION)
    .enablePositionalOptions()
    .showHelpAfterError("(mesh --help shows how)")
    .addHelpText(
      "after",
      `
Exit codes: 0 all is well, 1 a failure was found or it could not be done, 2 the
command line cannot be understood, 3 no mesh is running.
Colours only on a terminal, never with NO_COLOR. Scripts use -o json.`,
    );
  const commands = [upCommand(), downCommand(), runCommand(), statCommand(), endpointsCommand(), explainCommand()];
  commands.push(pluginsCommand(), eventsCommand(), checkCommand(), logsCommand(), natsConfigCommand());
  commands.push(cleanCommand(), completionCommand(), versionCommand());
  for (const command of commands) program.addCommand(inherit(command, program));
  // What `npm start` runs; a person has no use for it outside the clone.
  program.addCommand(inherit(demoCommand(), program), { hidden: true });
  return program;
}

/** addCommand, unlike command(), leaves these to us. */
function inherit(command: Command, program: Command): Command {
  return command.copyInheritedSettings(program);
}
