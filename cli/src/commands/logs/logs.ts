import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "@patchbay/model";
import { stateDir } from "@patchbay/process";
import { coreServices } from "@patchbay/up/core-services";
import { layout } from "@patchbay/up/layout";
import { Command } from "commander";
import { CliError } from "../../errors.ts";
import { type OutputOption, outputOption, print } from "../../output/output.ts";
import { listenForStop } from "../../stop-request.ts";
import { logJson, logLine } from "./log-line.ts";

interface LogsOptions extends OutputOption {
  readonly follow?: true;
  readonly lines: string;
}

export function logsCommand(): Command {
  return new Command("logs")
    .description("what the components have logged")
    .argument("[component]", "such as registry or nats-server; default: all")
    .option("-f, --follow", "go on until Ctrl-C")
    .option("-l, --lines <count>", "how many of the last lines", "50")
    .addOption(outputOption())
    .addHelpText(
      "after",
      `
Examples:
  mesh logs
  mesh logs destination --follow
  mesh logs -o json | jq 'select(.level == "error")'

Works without a running mesh, too: the files are in the state folder's logs/.
With -o json each line is an object; one that a program wrote as plain text has
it in msg.`,
    )
    .action(logs);
}

/** A place in a log file up to which it has been shown. */
interface Tail {
  readonly path: string;
  readonly component: string;
  /** Only lines of the component; the file has those of others, too. */
  readonly shared: boolean;
  offset: number;
}

interface Line {
  readonly component: string;
  readonly text: string;
}

async function logs(component: string | undefined, options: LogsOptions): Promise<void> {
  const dir = layout(stateDir()).logs;
  const tails = await openTails(dir, component);
  const lines = (await Promise.all(tails.map((tail) => readOn(tail)))).flat();
  const count = Math.max(0, Number.parseInt(options.lines, 10) || 0);
  show(lines.sort(byTime).slice(count > 0 ? -count : lines.length), options);
  if (!options.follow) return;
  const { signal } = listenForStop();
  while (!signal.aborted) {
    await pause(200, signal);
    show((await Promise.all(tails.map((tail) => readOn(tail)))).flat().sort(byTime), options);
  }
}

/** Where the core services log when they are one process. */
const SHARED_LOG = "mesh";

async function openTails(dir: string, wanted: string | undefined): Promise<Tail[]> {
  const files = (await readdir(dir).catch(() => [])).filter((file) => file.endsWith(".log"));
  const components = files.map((file) => file.slice(0, -".log".length)).sort();
  const tail = (file: string, component = file): Tail => {
    return { path: join(dir, `${file}.log`), component, shared: file !== component, offset: 0 };
  };
  const chosen = components.filter((each) => wanted === undefined || each === wanted).map((each) => tail(each));
  const inShared = components.includes(SHARED_LOG) ? coreServices.map(({ name }) => name) : [];
  if (wanted !== undefined && inShared.includes(wanted)) chosen.push(tail(SHARED_LOG, wanted));
  if (chosen.length > 0) return chosen;
  const known = [...new Set([...components, ...inShared])].sort();
  const there = known.length > 0 ? `There are: ${known.join(", ")}.` : "Nothing has been logged yet.";
  throw new CliError(`No log${wanted === undefined ? "s" : ` of "${wanted}"`} in ${dir}. ${there}`);
}

/** The whole lines that were added since the last call; a file that was turned begins again. */
async function readOn(tail: Tail): Promise<Line[]> {
  const { size } = await stat(tail.path).catch(() => ({ size: 0 }));
  if (size < tail.offset) tail.offset = 0;
  if (size === tail.offset) return [];
  const text = await readFrom(tail.path, tail.offset);
  const end = text.lastIndexOf("\n") + 1;
  tail.offset += Buffer.byteLength(text.slice(0, end));
  const lines = text
    .slice(0, end)
    .split("\n")
    .filter((line) => line !== "" && (!tail.shared || line.includes(`"component":"${tail.component}"`)));
  return lines.map((line) => ({ component: tail.component, text: line }));
}

async function readFrom(path: string, offset: number): Promise<string> {
  if (offset === 0) return readFile(path, "utf8");
  const file = await open(path, "r");
  try {
    return (await file.readFile()).subarray(offset).toString("utf8");
  } finally {
    await file.close();
  }
}

function show(lines: readonly Line[], { output }: LogsOptions): void {
  if (lines.length === 0) return;
  print(
    ...lines.map(({ component, text }) => (output === "json" ? logJson(component, text) : logLine(component, text))),
  );
}

function byTime(a: Line, b: Line): number {
  return timeOf(a.text).localeCompare(timeOf(b.text));
}

/** Our own lines carry ISO times, nats-server's begin with `[pid] 2026/01/31 12:00:00.000000`. */
function timeOf(text: string): string {
  const iso = /"time":"([^"]+)"/.exec(text)?.[1];
  if (iso) return iso;
  const nats = /^\[\d+\] (\d{4})\/(\d\d)\/(\d\d) ([\d:.]+)/.exec(text);
  if (!nats) return "";
  // nats-server writes UTC when its configuration says logtime_utc, which ours does.
  return `${nats[1]}-${nats[2]}-${nats[3]}T${nats[4]}`;
}
