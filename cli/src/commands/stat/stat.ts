import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { GroupBy, type StatResponse, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { Command, InvalidArgumentError, Option } from "commander";
import { connectMesh } from "../../connect.ts";
import {
  createRedraw,
  lineWidth,
  type OutputOption,
  outputOption,
  paint,
  print,
  printJson,
  printJsonLine,
} from "../../output/output.ts";
import { span } from "../../output/units.ts";
import { parseTime } from "../../parse-options.ts";
import { listenForStop } from "../../stop-request.ts";
import { untilAborted } from "../../until-aborted.ts";
import { statHealth } from "./stat-health.ts";
import { looksWrong, type StatBy, statJson, statTable } from "./stat-rows.ts";

interface StatOptions extends OutputOption {
  readonly by: StatBy;
  readonly routes?: true;
  readonly window: number;
  readonly watch?: true;
  readonly from?: string;
  readonly to?: string;
  readonly backend?: string;
  /** True, or the target that is asked about. */
  readonly health?: true | string;
}

const groupBy: Readonly<Record<StatBy, GroupBy>> = {
  service: GroupBy.TARGET,
  pair: GroupBy.PAIR,
  route: GroupBy.ROUTE,
  backend: GroupBy.BACKEND,
};

export function statCommand(): Command {
  return new Command("stat")
    .description("success rate, requests a second and latencies, from the proxies' reports")
    .addOption(
      new Option("--by <what>", "what makes a row").choices(["service", "pair", "route", "backend"]).default("pair"),
    )
    .option("-r, --routes", "a row per route; the same as --by route")
    .addOption(new Option("-w, --window <time>", "how far back, 1s to 1h").argParser(parseWindow).default(60, "1m"))
    .option("--from <service>", "only requests of this source")
    .option("--to <service>", "only requests to this target")
    .option("--backend <service>", "only requests for which this service was chosen")
    .addOption(
      new Option(
        "--health [target]",
        "how targets stand: endpoints, ejections, retries; and policies' decisions",
      ).conflicts(["by", "routes", "backend"]),
    )
    .option("--watch", "redraw every second until Ctrl-C")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh stat                          a row per source and target, last minute
  mesh stat --routes --to payments   which route of payments fails
  mesh stat --by backend             how a split or canary is shared out
  mesh stat --health users           is users in trouble, and who is refused
  mesh stat --window 5m --by service
  mesh stat -o json | jq '.rows[] | select(.successRate < 0.99)'

A response counts as failed when its status is 5xx, its gRPC status blames the
server, or none came. With --watch, -o json prints one object a line.

With --health: EJECTED endpoints failed several times in a row and get no
requests for a while; REFUSED connections could not be made; OVERLOAD requests
found every endpoint or connection at its limit; DENIED-RETRIES were more than
the retry BUDGET allowed. A "-" was not reported just now.`,
    )
    .action(stat);
}

async function stat(options: StatOptions): Promise<void> {
  using mesh = await connectMesh();
  const telemetry = await mesh.service("telemetry", Telemetry);
  const { window, from: source = "", to = "", health } = options;
  if (health !== undefined) {
    const target = health === true ? to : health;
    return await statHealth(telemetry, {
      window,
      source,
      target,
      json: options.output === "json",
      watch: !!options.watch,
    });
  }
  const query = {
    window: durationFromMs(window * 1_000),
    groupBy: groupBy[byOf(options)],
    source,
    target: to,
    backend: options.backend ?? "",
  };
  if (!options.watch) {
    const response = await telemetry.stat(query);
    return options.output === "json" ? printJson(statJson(response)) : print(...statLines(response, options));
  }
  const redraw = createRedraw();
  const { signal } = listenForStop();
  for await (const response of untilAborted(
    telemetry.subscribe({ query, interval: durationFromMs(1_000) }, { signal }),
    signal,
  )) {
    if (options.output === "json") printJsonLine(statJson(response));
    else redraw(statLines(response, options));
  }
}

function statLines(response: StatResponse, options: StatOptions): string[] {
  const { rows, window, partial } = statJson(response);
  if (rows.length === 0) return [nothingSeen(options)];
  const [title = "", ...lines] = statTable(rows, byOf(options), lineWidth());
  const painted = lines.map((line, index) => {
    const row = rows[index];
    return row && looksWrong(row) ? paint("bad", line) : line;
  });
  const missing = response.missing.length > 0 ? ` without ${response.missing.join(", ")}` : "";
  const note = partial ? [paint("warn", `Partial: not every report is in yet${missing}.`)] : [];
  return [paint("bold", title), ...painted, paint("dim", `last ${Math.round(window)} s`), ...note];
}

function nothingSeen({ from, to, backend, window }: StatOptions): string {
  const which = [from && ` from ${from}`, to && ` to ${to}`, backend && ` at ${backend}`].filter(Boolean).join("");
  const next = which
    ? "`mesh stat` without a filter shows who talks to whom."
    : "Is anything running? `mesh check` looks.";
  return `No requests${which} in the last ${span(window * 1_000)}. ${next}`;
}

function byOf({ routes, by }: StatOptions): StatBy {
  return routes ? "route" : by;
}

function parseWindow(text: string): number {
  const seconds = parseTime(text);
  if (seconds < 1 || seconds > 3_600) throw new InvalidArgumentError("Give a time from 1s to 1h, such as 30s or 5m.");
  return Math.round(seconds);
}
