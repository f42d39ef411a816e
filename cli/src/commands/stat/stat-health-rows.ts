import { timestampDate } from "@bufbuild/protobuf/wkt";
import { preciseMs } from "@patchbay/model";
import { VerdictSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import type { DecisionRow, HealthResponse, HealthRow } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { enumToken } from "../../output/enum-name.ts";
import { type Column, table } from "../../output/table.ts";
import { compact } from "../../output/units.ts";

/** What `mesh stat --health -o json` prints; scripts rely on it. */
export interface HealthJson {
  /** Seconds that the counts cover. */
  readonly window: number;
  /** ISO 8601. */
  readonly asOf: string;
  /** Some part of the mesh could not answer. */
  readonly partial: boolean;
  readonly targets: readonly TargetJson[];
  readonly decisions: readonly DecisionJson[];
}

export interface TargetJson {
  readonly source: string;
  readonly target: string;
  /** The target itself when no other service was chosen. */
  readonly backend: string;
  /** Proxies that used the target in the window, and those of them that told how it stands just now. */
  readonly proxies: number;
  readonly reporting: number;
  /** How it stands now; null when no proxy has told it lately. */
  readonly now: {
    readonly endpoints: number;
    readonly ejected: number;
    readonly inFlight: number;
    readonly retryBudget: number;
  } | null;
  /** Counts in the window. */
  readonly ejections: number;
  readonly refused: number;
  readonly overloads: number;
  readonly retries: number;
  readonly retriesDenied: number;
}

export interface DecisionJson {
  readonly target: string;
  readonly policy: string;
  readonly source: string;
  readonly verdict: string;
  readonly count: number;
}

/** The stable form of an answer, in the order in which it came. */
export function healthJson(response: HealthResponse): HealthJson {
  return {
    window: preciseMs(response.window) / 1_000,
    asOf: response.asOf ? timestampDate(response.asOf).toISOString() : "",
    partial: response.partial,
    targets: response.rows.map(targetJson),
    decisions: response.decisions.map(decisionJson),
  };
}

function targetJson(row: HealthRow): TargetJson {
  const { source, target, backend, proxies, reporting, endpoints, ejected, outstanding: inFlight, retryBudget } = row;
  return {
    source,
    target,
    backend,
    proxies,
    reporting,
    now: reporting > 0 ? { endpoints, ejected, inFlight, retryBudget } : null,
    ejections: Number(row.ejections),
    refused: Number(row.refused),
    overloads: Number(row.overloads),
    retries: Number(row.retries),
    retriesDenied: Number(row.retriesDenied),
  };
}

function decisionJson({ target, policy, source, verdict, count }: DecisionRow): DecisionJson {
  const name = enumToken(VerdictSchema, verdict);
  return { target, policy, source, verdict: name, count: Number(count) };
}

interface HealthColumn extends Column {
  readonly of: (row: TargetJson) => string;
}

const names: readonly HealthColumn[] = [
  { title: "SOURCE", flexible: true, of: (row) => row.source || "-" },
  { title: "TARGET", flexible: true, of: (row) => row.target || "-" },
  { title: "BACKEND", flexible: true, of: (row) => (row.backend === row.target ? "-" : row.backend) },
];

const state: readonly HealthColumn[] = [
  number("ENDPOINTS", (row) => row.now?.endpoints),
  number("EJECTED", (row) => row.now?.ejected),
  number("IN-FLIGHT", (row) => row.now?.inFlight),
];

const counts: readonly HealthColumn[] = [
  number("REFUSED", (row) => row.refused),
  number("OVERLOAD", (row) => row.overloads),
  number("RETRIES", (row) => row.retries),
  number("DENIED-RETRIES", (row) => row.retriesDenied),
];

const budget: readonly HealthColumn[] = [number("BUDGET", (row) => row.now?.retryBudget)];

function number(title: string, value: (row: TargetJson) => number | undefined): HealthColumn {
  const of = (row: TargetJson): string => {
    const known = value(row);
    return known === undefined ? "-" : compact(known);
  };
  return { title, align: "right", of };
}

/** Characters that all columns need with names that are as short as they get. */
const ONE_TABLE = 116;

/**
 * Tables of how targets stand: one where lines are long enough, else one of the state and one of what was counted. Each
 * begins with its title line; the others belong to the rows in their order.
 */
export function healthTables(rows: readonly TargetJson[], width: number): string[][] {
  const layouts =
    width >= ONE_TABLE
      ? [[...names, ...state, ...counts, ...budget]]
      : [
          [...names, ...state, ...budget],
          [...names, ...counts],
        ];
  return layouts.map((columns) =>
    table({ columns, rows: rows.map((row) => columns.map((column) => column.of(row))), width }),
  );
}

/** What policies decided, as a table. */
export function decisionTable(rows: readonly DecisionJson[], width: number): string[] {
  const columns: Column[] = [
    { title: "TARGET", flexible: true },
    { title: "POLICY", flexible: true },
    { title: "SOURCE", flexible: true },
    { title: "VERDICT" },
    { title: "COUNT", align: "right" },
  ];
  const cells = rows.map((row) => [row.target, row.policy, row.source, row.verdict, String(row.count)]);
  return table({ columns, rows: cells, width });
}

/** Whether a target gives cause to look at it. */
export function looksIll({ now, ejections, refused, overloads, retriesDenied }: TargetJson): boolean {
  return ejections + refused + overloads + retriesDenied + (now?.ejected ?? 0) > 0;
}

/** Whether a decision refused a request, or was made without the plugin that should have made it. */
export function refuses({ verdict }: DecisionJson): boolean {
  return verdict !== "allowed" && verdict !== "audited";
}
