import { spawnSync } from "node:child_process";
import { Command } from "commander";
import { CliError } from "./cli-error.ts";

/** `mesh-sdk pack`: the plugin as an npm tarball. */
export function packCommand(): Command {
  return new Command("pack")
    .description("make an npm tarball of the plugin")
    .option("--out <folder>", "where to put it", ".")
    .action(({ out }: { readonly out: string }) => {
      const args = ["pack", "--pack-destination", out, "--loglevel=error"];
      const { status, error } = spawnSync("npm", args, { stdio: "inherit", shell: process.platform === "win32" });
      if (error) throw new CliError(`npm cannot be run: ${error.message}`);
      process.exitCode = status ?? 1;
    });
}
