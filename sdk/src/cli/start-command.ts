import { Command } from "commander";
import { loadPlugin } from "../dev/load-plugin.ts";
import { serve } from "../serve/serve.ts";
import { readConfigFile } from "./config-file.ts";
import { exitWithNpm } from "./exit-with-npm.ts";
import { findEntry, registerLoader } from "./project.ts";

interface StartOptions {
  readonly config?: string;
}

/** `mesh-sdk start`: the plugin as it runs in production, in this very process, so that signals and limits mean it. */
export function startCommand(): Command {
  return new Command("start")
    .description("serve the plugin as in production")
    .argument("[file]", "its file (default: src/plugin.ts)")
    .option("--config <file>", "configuration as JSON, for when the mesh grants none")
    .action(async (file: string | undefined, { config }: StartOptions) => {
      const entry = findEntry(file);
      await exitWithNpm();
      await registerLoader();
      const plugin = await loadPlugin(entry);
      await serve(plugin, { config: readConfigFile(config) });
    });
}
