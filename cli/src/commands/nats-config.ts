import { stateDir } from "@patchbay/process";
import { natsAccounts } from "@patchbay/up";
import { Command } from "commander";
import { type OutputOption, outputOption, print, printJson } from "../output/output.ts";

export function natsConfigCommand(): Command {
  return new Command("nats-config")
    .description("the accounts that a nats-server of yours needs")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh nats-config > mesh-accounts.conf     # then in its configuration:
                                            #   include mesh-accounts.conf
  MESH_NATS_URL=nats://events:4222 mesh up

Needs nats-server 2.12 or newer with JetStream. Without these accounts the mesh
works, but plugins get no credentials, and \`mesh check\` says so. The text holds
public keys only; the seeds stay in the state folder.`,
    )
    .action(async ({ output }: OutputOption) => {
      const config = await natsAccounts(stateDir());
      if (output === "json") printJson({ config });
      else print(config.trimEnd());
    });
}
