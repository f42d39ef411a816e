import { durationMs } from "@bufbuild/protobuf/wkt";
import { LATENCY_BOUNDS_MS, latencyBucket, parseWorkloadName } from "@patchbay/model";
import type { Objective } from "@patchbay/proto/mesh/policy/v1/policy_pb";

/** A file of rules as Prometheus reads it. */
export interface RulesFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Multiwindow, multi-burn-rate alerts of the SRE workbook, chapter 5: any of the pairs of windows raises one. */
const alerts = [
  {
    severity: "page",
    pairs: [
      { burn: 14.4, long: "1h", short: "5m" },
      { burn: 6, long: "6h", short: "30m" },
    ],
  },
  { severity: "ticket", pairs: [{ burn: 1, long: "3d", short: "6h" }] },
] as const;
/** Seconds of each window that some alert looks at. */
const windows = { "5m": 300, "30m": 1_800, "1h": 3_600, "6h": 21_600, "3d": 259_200 } as const;
type Window = keyof typeof windows;
const RECORD = "slo:error_ratio:rate";
/** Requests in a window below which nothing is concluded from it: one failure of nine is no trend. */
export const MIN_REQUESTS = 10;

/** Recording and alerting rules that say of objectives what the mesh says of them itself. */
export function prometheusRules(objectives: readonly Objective[]): RulesFile {
  return { groups: objectives.map((objective) => ({ name: `slo-${idOf(objective)}`, rules: rulesOf(objective) })) };
}

function idOf({ namespace, name }: Objective): string {
  return `${namespace}-${name}`;
}

function rulesOf(objective: Objective): Rule[] {
  const labels = { objective: `${objective.namespace}/${objective.name}` };
  const recorded = (Object.keys(windows) as Window[]).map((window) => ({
    record: `${RECORD}${window}`,
    expr: errorRatio(objective, window),
    labels,
  }));
  return [...recorded, ...alerts.map((alert) => alertOf(objective, alert, labels))];
}

function alertOf(
  objective: Objective,
  { severity, pairs }: (typeof alerts)[number],
  labels: Readonly<Record<string, string>>,
): Rule {
  const matcher = `{objective=${quote(labels["objective"] ?? "")}}`;
  const allowed = Number((1 - objective.targetRatio).toFixed(9));
  const at = (window: string, burn: number): string => `${RECORD}${window}${matcher} > (${burn} * ${allowed})`;
  const who = objective.source === "" ? "" : ` from ${objective.source}`;
  return {
    alert: "ErrorBudgetBurn",
    expr: pairs.map(({ burn, long, short }) => `(${at(long, burn)} and ${at(short, burn)})`).join(" or "),
    labels: { ...labels, severity, target: objective.target },
    annotations: {
      summary: `requests to ${objective.target}${who} use up their error budget too fast`,
      description: `See which routes fail: mesh stat --routes --to ${objective.target}`,
    },
  };
}

/**
 * Failed requests, and with a bound those that took longer, as a share of all, when there are enough of them. At most 1: a slow
 * failure counts twice.
 */
function errorRatio(objective: Objective, window: Window): string {
  const all = total(objective, "response_total", { window });
  const failed = total(objective, "response_total", { window, more: 'classification="failure"' });
  const enough = `(${all} * ${windows[window]} >= ${MIN_REQUESTS})`;
  const boundMs = objective.latencyBound ? durationMs(objective.latencyBound) : 0;
  if (boundMs === 0) return `${failed} / ${all} and ${enough}`;
  const counted = total(objective, "response_latency_ms_count", { window });
  const le = LATENCY_BOUNDS_MS[latencyBucket(boundMs)] ?? "+Inf";
  // Prometheus 3 stores the bound 300 as 300.0.
  const fast = total(objective, "response_latency_ms_bucket", {
    window,
    more: le === "+Inf" ? 'le="+Inf"' : `le=~"${le}(\\\\.0)?"`,
  });
  return `clamp_max((${failed} + ${counted} - ${fast}) / ${all}, 1) and ${enough}`;
}

interface Selection {
  readonly window: Window;
  readonly more?: string;
}

/** As in `mesh stat`: what callers' proxies saw, and at the callee's what came from callers without one. */
function total(objective: Objective, metric: string, { window, more }: Selection): string {
  const sum = (labels: readonly string[]): string =>
    `(sum(rate(${metric}{${[...labels, ...(more === undefined ? [] : [more])].join(",")}}[${window}])) or vector(0))`;
  // What was asked for, whichever backend a split chose.
  const asked = `authority=${quote(objective.target)}`;
  if (objective.source !== "") {
    const { name: caller, namespace: of } = parseWorkloadName(objective.source) ?? {
      name: objective.source,
      namespace: "",
    };
    return sum(['direction="outbound"', `namespace=${quote(of)}`, `deployment=${quote(caller)}`, asked]);
  }
  return `(${sum(['direction="outbound"', asked])} + ${sum(['direction="inbound"', asked, 'client_id="unknown"'])})`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
