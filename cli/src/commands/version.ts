import { Command } from "commander";
import { type OutputOption, outputOption, print, printJson } from "../output/output.ts";
import { version } from "../version.ts";

export function versionCommand(): Command {
  return new Command("version")
    .description("versions of the mesh and of the Node that runs it")
    .addOption(outputOption())
    .addHelpText("after", "\nExamples:\n  mesh version\n  mesh version -o json")
    .action(({ output }: OutputOption) => {
      const { node } = process.versions;
      if (output === "json") printJson({ mesh: version, node, platform: process.platform, arch: process.arch });
      else print(`mesh ${version} on Node ${node} (${process.platform}-${process.arch})`);
    });
}
