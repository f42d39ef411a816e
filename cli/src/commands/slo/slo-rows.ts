import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { ObjectiveState, ObjectiveStateSchema } from "@patchbay/proto/mesh/common/v1/objective_pb";
import type { Objective, ObjectiveWindow } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { enumToken } from "../../output/enum-name.ts";
import { originJson } from "../../output/origin-json.ts";
import { paint } from "../../output/output.ts";
import { type Column, table, wrap } from "../../output/table.ts";
import { percent, span } from "../../output/units.ts";

/** The stable form for scripts. */
export function objectiveJson(objective: Objective): object {
  const { namespace, name, source, target, targetRatio, budgetLeft, partial, origin } = objective;
  return {
    namespace,
    name,
    source,
    target,
    targetRatio,
    latencyBoundMs: boundMs(objective),
    state: stateOf(objective),
    since: objective.since && timestampDate(objective.since).toISOString(),
    compliance: compliance(objective.windows.at(-1)),
    budgetLeft,
    windows: objective.windows.map(windowJson),
    partial,
    origin: originJson(origin),
  };
}

/** Milliseconds; 0: no bound. */
function boundMs({ latencyBound }: Objective): number {
  return latencyBound ? durationMs(latencyBound) : 0;
}

/** "ok", "burning", "no-data". */
function stateOf({ state }: Objective): string {
  return enumToken(ObjectiveStateSchema, state);
}

function windowJson(window: ObjectiveWindow): object {
  const { covered, good, total, burn, threshold } = window;
  const seconds = window.window ? durationMs(window.window) / 1_000 : 0;
  return {
    windowSeconds: seconds,
    coveredSeconds: covered ? durationMs(covered) / 1_000 : 0,
    good: Number(good),
    total: Number(total),
    burn,
    threshold,
  };
}

/** Share of good requests; undefined without any. */
function compliance(window: ObjectiveWindow | undefined): number | undefined {
  return window && window.total > 0n ? Number(window.good) / Number(window.total) : undefined;
}

const columns: readonly Column[] = [
  { title: "NAME", flexible: true },
  { title: "FROM", flexible: true },
  { title: "TARGET", flexible: true },
  { title: "OBJECTIVE" },
  { title: "GOOD", align: "right" },
  { title: "BUDGET", align: "right" },
  { title: "BURN", align: "right" },
  { title: "STATE" },
];

const EXAMPLE = `
  apiVersion: patchbay.dev/v1alpha1
  kind: ServiceLevelObjective
  metadata: { name: payments-works }
  spec:
    target: { name: payments }
    objective: 99                # percent of requests that are good
    latency: { under: 250ms }    # optional: slower ones are not good

docs/objectives.md has every field.`;

export interface ObjectivesView {
  /** Where resources are written. */
  readonly folder: string;
  readonly width: number;
}

/** Objectives for people, those that burn in colour. Callers have a column when an objective is about some only. */
export function objectiveLines(objectives: readonly Objective[], { folder, width }: ObjectivesView): string[] {
  if (objectives.length === 0)
    return [
      ...wrap(`No objectives. Write one into a file in ${folder}, such as slo.yaml:`, width),
      ...EXAMPLE.split("\n"),
    ];
  const shown = columns.map(({ title }) => title !== "FROM" || objectives.some(({ source }) => source !== ""));
  const onlyShown = <Item>(items: readonly Item[]): Item[] => items.filter((_, index) => shown[index]);
  const rows = objectives.map((each) => onlyShown(cells(each)));
  const [title = "", ...lines] = table({ columns: onlyShown(columns), rows, width });
  const painted = lines.map((line, index) =>
    objectives[index]?.state === ObjectiveState.BURNING ? paint("bad", line) : line,
  );
  return [
    paint("bold", title),
    ...painted,
    ...legend(objectives)
      .flatMap((text) => wrap(text, width))
      .map(dimmed),
  ];
}

function dimmed(text: string): string {
  return paint("dim", text);
}

function cells(objective: Objective): string[] {
  const { namespace, name, source, target, targetRatio, budgetLeft, windows } = objective;
  const kept = compliance(windows.at(-1));
  const bound = boundMs(objective);
  const within = bound > 0 ? ` <${bound}ms` : "";
  return [
    namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`,
    source || "all",
    target,
    `${Number((targetRatio * 100).toFixed(4))}%${within}`,
    kept === undefined ? "-" : percent(kept),
    kept === undefined ? "-" : budgetText(budgetLeft),
    windows.map(({ burn }) => burn.toFixed(1)).join("/") || "-",
    stateOf(objective),
  ];
}

/** Tenths do not matter of what is overspent many times. */
function budgetText(left: number): string {
  return left < -10 ? `${Math.round(left * 100)}%` : percent(left);
}

function legend(objectives: readonly Objective[]): string[] {
  const measured = objectives.filter(({ windows }) => windows.length > 1);
  if (measured.length === 0) return [];
  const [times = "", ...others] = new Set(measured.map(({ windows }) => windows.map(length).join(" / ")));
  const [, long = ""] = times.split(" / ");
  const over =
    others.length === 0
      ? `over ${long}, burn over ${times}`
      : "over the long window, burn over both (-o json says which)";
  return [`good and budget left ${over}${young(measured)}`];
}

/** Until a telemetry service is as old as the windows. */
function young(objectives: readonly Objective[]): string {
  const covered = objectives.flatMap(({ windows, partial }) =>
    partial ? windows.map((each) => (each.covered ? durationMs(each.covered) : 0)) : [],
  );
  return covered.length === 0 ? "" : `; ${span(Math.max(...covered))} are covered so far`;
}

/** "5m", "1h", "90s": whole units, as people write them. */
function length({ window }: ObjectiveWindow): string {
  const seconds = window ? Math.round(durationMs(window) / 1_000) : 0;
  if (seconds > 0 && seconds % 3_600 === 0) return `${seconds / 3_600}h`;
  return seconds > 0 && seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
