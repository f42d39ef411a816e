import { join } from "node:path";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { type ListObjectivesResponse, Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { prometheusRules } from "@patchbay/rules";
import { Command, Option } from "commander";
import { connectMesh } from "../../connect.ts";
import { exitCodes } from "../../errors.ts";
import { lineWidth, type OutputOption, outputOption, print, printJson } from "../../output/output.ts";
import { rulesYaml } from "./rules-yaml.ts";
import { objectiveJson, objectiveLines } from "./slo-rows.ts";

export function sloCommand(): Command {
  const command = new Command("slo")
    .description("service level objectives: compliance, error budget and how fast it burns")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh slo
  mesh slo -o json | jq '.objectives[] | select(.state == "burning")'
  mesh slo rules > slo-rules.yaml && promtool check rules slo-rules.yaml

Objectives are YAML files of kind ServiceLevelObjective in the folder of
resources; docs/objectives.md has every field. Burn 1 uses up the budget
exactly; an objective burns when both of its windows are above its rate. Exit
code 1 when one burns.`,
    )
    .action(showObjectives);
  return command.addCommand(rules());
}

const RULES_HELP = `
Examples:
  mesh slo rules > slo-rules.yaml
  mesh slo rules -o json | jq '.groups[].name'

For a Prometheus that scrapes the mesh's /metrics (docs/telemetry.md). Windows
and alerts are those of docs/objectives.md, not the objective's own.`;

function rules(): Command {
  return new Command("rules")
    .description("recording and alerting rules for Prometheus, from the same objectives")
    .addOption(
      new Option("-o, --output <format>", "yaml for Prometheus, json for scripts")
        .choices(["yaml", "json"])
        .default("yaml"),
    )
    .addHelpText("after", RULES_HELP)
    .action(async ({ output }: { readonly output: "yaml" | "json" }) => {
      const { objectives } = (await listObjectives()).listed;
      const made = prometheusRules(objectives);
      if (output === "json") printJson(made);
      else process.stdout.write(rulesYaml(made));
    });
}

async function showObjectives(options: OutputOption): Promise<void> {
  const { folder, listed } = await listObjectives();
  const { objectives } = listed;
  if (options.output === "json") printJson({ objectives: objectives.map(objectiveJson) });
  else print(...objectiveLines(objectives, { folder, width: lineWidth() }));
  if (objectives.some(({ state }) => state === ObjectiveState.BURNING)) process.exitCode = exitCodes.failure;
}

async function listObjectives(): Promise<{ readonly folder: string; readonly listed: ListObjectivesResponse }> {
  using mesh = await connectMesh();
  const policy = await mesh.service("policy", Policy);
  return { folder: join(mesh.stateDir, "resources"), listed: await policy.listObjectives({}) };
}
