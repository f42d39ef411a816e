import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { hookNameOf } from "@patchbay/model";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { Command } from "commander";
import { connectMesh } from "../../connect.ts";
import { CliError } from "../../errors.ts";
import { lineWidth, type OutputOption, outputOption, paint, print, printJson } from "../../output/output.ts";
import { type Column, table, wrap } from "../../output/table.ts";
import { clock, compact, span } from "../../output/units.ts";
import { byName, paintState, stateName } from "../../states.ts";
import { hookJson, hookLine } from "./hook-text.ts";

export function pluginsCommand(): Command {
  return new Command("plugins")
    .description("plugins, their state, and the events that wait for them")
    .argument("[name]", "one plugin, with its instances and what happened when")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh plugins
  mesh plugins my-resolver
  mesh plugins -o json | jq '.rows[] | select(.pending > 0)'

DELIVERED counts acknowledged events, PENDING those that wait or are being
handled, DEAD those that were given up and lie in the dead letter stream. With
a name, each instance tells what its hooks are granted.`,
    )
    .action(plugins);
}

async function plugins(name: string | undefined, options: OutputOption): Promise<void> {
  using mesh = await connectMesh();
  const { registrations, complete } = await mesh.list([Kind.PLUGIN]);
  const groups = byName(registrations.filter((each) => name === undefined || each.announce?.name === name));
  if (name !== undefined && groups.size === 0) {
    throw new CliError(`No plugin "${name}" has announced itself. \`mesh plugins\` lists those that have.`);
  }
  if (options.output === "json") return printJson(pluginsJson(groups, name !== undefined));
  if (groups.size === 0) print("No plugin has announced itself. `mesh-sdk new my-plugin` begins one.");
  else print(...pluginLines(groups, lineWidth()));
  if (name !== undefined) print(...[...groups.values()].flat().flatMap(instanceLines));
  if (!complete) print(paint("warn", "The registry has just started; others may still come back."));
}

/** What `mesh plugins -o json` prints a row; scripts rely on it. */
export interface PluginJsonRow {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
  readonly hooks: readonly string[];
  readonly delivered: number;
  readonly pending: number;
  readonly deadLettered: number;
}

type Groups = ReadonlyMap<string, readonly Registration[]>;

function pluginsJson(groups: Groups, withInstances: boolean): object {
  const rows = [...groups.values()].map(pluginRow);
  if (!withInstances) return { rows };
  return { rows, instances: [...groups.values()].flat().map(instanceJson) };
}

/** One row a name: the state is that of its best instance, since any ready one serves. */
function pluginRow(instances: readonly Registration[]): PluginJsonRow {
  const best = instances[0];
  const backlog = best?.backlog ?? [];
  const sum = (count: (each: (typeof backlog)[number]) => bigint): number =>
    Number(backlog.reduce((total, each) => total + count(each), 0n));
  return {
    name: best?.announce?.name ?? "",
    version: best?.announce?.version ?? "",
    state: stateName(best?.state ?? 0),
    reason: best?.reason ?? "",
    hooks: (best?.announce?.manifest?.hooks ?? []).map(hookNameOf),
    delivered: sum((each) => each.delivered),
    pending: sum((each) => each.pending),
    deadLettered: sum((each) => each.deadLettered),
  };
}

function instanceJson(registration: Registration): object {
  const { announce, state, reason, since, history, proof, grant } = registration;
  return {
    instance: announce?.instance ?? "",
    address: announce?.address ?? "",
    state: stateName(state),
    reason,
    since: iso(since),
    proof,
    grantedBy: grant?.source ?? "",
    hooks: grant?.hooks.map(hookJson) ?? [],
    history: history.map((each) => ({ state: stateName(each.state), reason: each.reason, at: iso(each.at) })),
  };
}

const columns: readonly Column[] = [
  { title: "NAME", flexible: true },
  { title: "VERSION", flexible: true },
  { title: "STATE" },
  { title: "SINCE", align: "right" },
  { title: "HOOKS", flexible: true },
  { title: "DELIVERED", align: "right" },
  { title: "PENDING", align: "right" },
  { title: "DEAD", align: "right" },
];

function pluginLines(groups: Groups, width: number): string[] {
  const rows = [...groups.values()].map((instances) => {
    const row = pluginRow(instances);
    const since = instances[0]?.since;
    return [
      row.name,
      row.version,
      row.state,
      since ? span(Date.now() - timestampMs(since)) : "-",
      row.hooks.join(",") || "-",
      compact(row.delivered),
      compact(row.pending),
      compact(row.deadLettered),
    ];
  });
  const [title = "", ...lines] = table({ columns, rows, width });
  const reasons = [...groups.values()].map((instances) => instances[0]?.reason ?? "");
  const body = lines.flatMap((line, index) => [
    line,
    ...wrap(reasons[index] ?? "", width - 4).map((each) => paint("dim", `    ${each}`)),
  ]);
  return [paint("bold", title), ...body];
}

function instanceLines(registration: Registration): string[] {
  const { announce, history, proof, grant, consumers } = registration;
  return [
    "",
    `${paint("bold", announce?.instance ?? "")} ${paintState(registration.state)}${registration.stale ? " (stale)" : ""}`,
    `  address ${announce?.address || "-"}, proven by ${proof || "-"}, granted by ${grant?.source || "-"}`,
    ...(grant?.hooks ?? []).map((hook) => `  ${hookLine(hook)}`),
    ...consumers.map(
      (each) =>
        `  ${each.class}: ${each.handled} handled, ${each.failed} failed, ${each.deadLettered} dead, ${each.redelivered} redelivered`,
    ),
    ...history.map((each) => `  ${timeOfDay(each.at)}  ${stateName(each.state)}${each.reason && `  ${each.reason}`}`),
  ];
}

function iso(at: Timestamp | undefined): string {
  return at ? timestampDate(at).toISOString() : "";
}

function timeOfDay(at: Timestamp | undefined): string {
  return at ? clock(timestampDate(at)) : "-";
}
