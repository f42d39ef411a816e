import { Command } from "commander";
import { readConfigFile } from "./config-file.ts";
import { exitWithNpm } from "./exit-with-npm.ts";
import { findEntry, loaderArguments } from "./project.ts";

interface DevOptions {
  readonly config?: string;
  readonly registry?: string;
  readonly inspect?: string | true;
}

/** `mesh-sdk dev`: the plugin in the running mesh, reloaded on save. */
export function devCommand(): Command {
  return new Command("dev")
    .description("join the running mesh and reload on every save")
    .argument("[file]", "the plugin's file (default: src/plugin.ts)")
    .option("--config <file>", "configuration as JSON, for when the mesh grants none")
    .option("--registry <address>", "of the mesh (default: the one that runs on this machine)")
    .option("--inspect [port]", "let a debugger attach to the plugin")
    .action(async (file: string | undefined, { config, registry, inspect }: DevOptions) => {
      const entry = findEntry(file);
      await exitWithNpm();
      const inspector = inspect === undefined ? [] : [inspect === true ? "--inspect=0" : `--inspect=${inspect}`];
      // Loaded when it is wanted: it brings gRPC and NATS, which help and the other commands do without.
      const { runDev } = await import("../dev/dev.ts");
      await runDev({
        entry,
        nodeArguments: [...loaderArguments(), ...inspector],
        config: readConfigFile(config),
        registry,
      });
    });
}
