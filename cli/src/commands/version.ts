import { CORE_VERSION } from "@patchbay/runtime";
import { Command } from "commander";
import { type OutputOption, outputOption, print, printJson } from "../output/output.ts";

export function versionCommand(): Command {
  return new Command("version")
    .description("versions of the mesh and of the Node that runs it")
    .addOption(outputOption())
    .addHelpText("after", "\nExamples:\n  mesh version\n  mesh version -o json")
    .action(({ output }: OutputOption) => {
      const { node } = process.versions;
      if (output === "json") printJson({ mesh: CORE_VERSION, node, platform: process.platform, arch: process.arch });
      else print(`mesh ${CORE_VERSION} on Node ${node} (${process.platform}-${process.arch})`);
    });
}
