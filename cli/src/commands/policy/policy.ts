import { join } from "node:path";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { Command } from "commander";
import { connectMesh } from "../../connect.ts";
import { exitCodes } from "../../errors.ts";
import { lineWidth, type OutputOption, outputOption, print, printJson } from "../../output/output.ts";
import { isInForce, policyStatusJson, policyStatusLines } from "./policy-rows.ts";

export function policyCommand(): Command {
  return status("policy").addCommand(status("status"));
}

/** `mesh policy` alone is its only subcommand. */
function status(name: string): Command {
  return new Command(name)
    .description("policies in force, what is wrong with files, and which proxy runs which version")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh policy status
  mesh policy status -o json | jq '.proxies[] | select(.state != "in force")'

Policies are YAML files in the folder of resources; docs/resources.md has every
field. Exit code 1 when a file is wrong, or a proxy refuses what it should run.`,
    )
    .action(showStatus);
}

async function showStatus(options: OutputOption): Promise<void> {
  using mesh = await connectMesh();
  const policy = await mesh.service("policy", Policy);
  const response = await policy.status({});
  if (options.output === "json") printJson(policyStatusJson(response));
  else print(...policyStatusLines(response, { folder: join(mesh.stateDir, "resources"), width: lineWidth() }));
  if (!isInForce(response)) process.exitCode = exitCodes.failure;
}
