import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { pause } from "@patchbay/model";
import type { HealthResponse, Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { createRedraw, lineWidth, paint, print, printJson, printJsonLine } from "../../output/output.ts";
import { span } from "../../output/units.ts";
import { listenForStop } from "../../stop-request.ts";
import { decisionTable, type HealthJson, healthJson, healthTables, looksIll, refuses } from "./stat-health-rows.ts";

export interface HealthOptions {
  /** Seconds. */
  readonly window: number;
  readonly source: string;
  readonly target: string;
  readonly json: boolean;
  readonly watch: boolean;
}

const EVERY_MS = 1_000;

/** `mesh stat --health`: how targets stand with the proxies that use them, and what policies decided. */
export async function statHealth(telemetry: Client<typeof Telemetry>, options: HealthOptions): Promise<void> {
  const { window, source, target, json } = options;
  const ask = (signal?: AbortSignal): Promise<HealthResponse> =>
    telemetry.health({ window: durationFromMs(window * 1_000), source, target }, signal ? { signal } : {});
  if (!options.watch) {
    const response = await ask();
    return json ? printJson(healthJson(response)) : print(...healthLines(response, options));
  }
  const redraw = createRedraw();
  const { signal } = listenForStop();
  while (!signal.aborted) {
    const response = await ask(signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (!response) return;
    if (json) printJsonLine(healthJson(response));
    else redraw(healthLines(response, options));
    await pause(EVERY_MS, signal);
  }
}

/** Everything that is shown to people. */
function healthLines(response: HealthResponse, options: HealthOptions): string[] {
  const health = healthJson(response);
  const missing = response.missing.length > 0 ? ` without ${response.missing.join(", ")}` : "";
  const note = health.partial ? [paint("warn", `Partial: not every report is in yet${missing}.`)] : [];
  return [...targetLines(health, options), "", ...decisionLines(health, options), ...note];
}

function targetLines({ targets, window }: HealthJson, options: HealthOptions): string[] {
  if (targets.length === 0) return [nothingUsed(options)];
  const tables = healthTables(targets, lineWidth()).map((lines) =>
    lines.map((line, index) => {
      const row = targets[index - 1];
      if (!row) return paint("bold", line);
      return looksIll(row) ? paint("warn", line) : line;
    }),
  );
  const [first = [], ...rest] = tables;
  const note = paint("dim", `counts of the last ${Math.round(window)} s; endpoints, in flight and budget are of now`);
  return [...first, ...rest.flatMap((lines) => ["", ...lines]), note];
}

function decisionLines({ decisions }: HealthJson, options: HealthOptions): string[] {
  if (decisions.length === 0) {
    return [
      `No policy decided anything${filterOf(options)} in the last ${span(options.window * 1_000)}.`,
      "`mesh policy status` tells which policies are in force, and where.",
    ];
  }
  const [title = "", ...lines] = decisionTable(decisions, lineWidth());
  const painted = lines.map((line, index) => {
    const row = decisions[index];
    return row && refuses(row) ? paint("warn", line) : line;
  });
  return [paint("bold", title), ...painted];
}

function nothingUsed(options: HealthOptions): string {
  const filter = filterOf(options);
  const next = filter
    ? "`mesh stat --health` without a filter shows all; `mesh endpoints SERVICE` who serves one."
    : "Send a request through a sidecar, such as: mesh run -- curl http://SERVICE/";
  return `No sidecar used a target${filter} in the last ${span(options.window * 1_000)}.\n${next}`;
}

function filterOf({ source, target }: HealthOptions): string {
  return `${source ? ` from ${source}` : ""}${target ? ` to ${target}` : ""}`;
}
