import { pause } from "@patchbay/model";
import { readRunFile, stateDir } from "@patchbay/process";
import { Command } from "commander";
import { connectTo, noMesh } from "../../connect.ts";
import { exitCodes } from "../../errors.ts";
import { lineWidth, type OutputOption, outputOption, paint, print, printJson } from "../../output/output.ts";
import { wrap } from "../../output/table.ts";
import { parseTime } from "../../parse-options.ts";
import { createSteps } from "../../steps.ts";
import { listenForStop } from "../../stop-request.ts";
import { checkEvents } from "./events.ts";
import { type Finding, well } from "./finding.ts";
import { checkPolicies } from "./policies.ts";
import { checkRegistrations } from "./registrations.ts";
import { checkResources } from "./resources.ts";
import { checkCertificates, checkServices } from "./services.ts";
import { checkStateFolder } from "./state-folder.ts";

interface CheckOptions extends OutputOption {
  readonly wait?: number;
}

const AGAIN_MS = 500;

export function checkCommand(): Command {
  return new Command("check")
    .description("look at every component, with a hint for each failure")
    .option("--wait <time>", "look again until all is well, for at most this long", parseTime)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh check
  mesh check --wait 60s && mesh run -- curl http://web/
  mesh check -o json | jq '.checks[] | select(.ok | not)'

Exit code 0 when all is well, 1 when something failed, 3 when no mesh runs.`,
    )
    .action(check);
}

async function check(options: CheckOptions): Promise<void> {
  const { signal } = listenForStop();
  const deadline = performance.now() + (options.wait ?? 0) * 1_000;
  const steps = createSteps();
  let findings = await look();
  while (!isWell(findings) && performance.now() < deadline && !signal.aborted) {
    const missing = findings?.find((finding) => !finding.ok)?.component ?? "a mesh";
    if (process.stderr.isTTY) steps.show(`waiting for ${missing}`);
    await pause(AGAIN_MS, signal);
    findings = await look();
  }
  steps.clear();
  if (!findings) throw noMesh(stateDir());
  if (options.output === "json") printJson({ ok: isWell(findings), checks: findings });
  else print(...findings.flatMap(findingLines));
  if (!isWell(findings)) process.exitCode = exitCodes.failure;
}

/** Everything there is to say about the running mesh; undefined when there is none. */
async function look(): Promise<Finding[] | undefined> {
  const dir = stateDir();
  const run = await readRunFile(dir);
  if (!run) return undefined;
  const folder = await checkStateFolder(dir);
  if (!folder.ok) return [folder];
  using mesh = await connectTo(run, dir);
  const groups = await Promise.all([
    checkServices(mesh),
    checkCertificates(mesh),
    checkEvents(dir),
    checkResources(mesh),
    checkPolicies(mesh),
    checkRegistrations(mesh),
  ]);
  return [folder, well("mesh", `process ${run.pid}, ${run.address}, ${run.mode}, ${run.profile}`), ...groups.flat()];
}

function isWell(findings: readonly Finding[] | undefined): boolean {
  return findings?.every((finding) => finding.ok) ?? false;
}

function findingLines(finding: Finding): string[] {
  const mark = finding.ok ? paint("good", "ok  ") : paint("bad", "FAIL");
  const [first = "", ...more] = wrap(finding.detail, lineWidth() - 24);
  const indent = " ".repeat(23);
  const hint = finding.ok ? [] : wrap(`-> ${finding.hint}`, lineWidth() - 24).map((line) => `${indent}${line}`);
  return [`${mark} ${finding.component.padEnd(17)} ${first}`, ...more.map((line) => `${indent}${line}`), ...hint];
}
