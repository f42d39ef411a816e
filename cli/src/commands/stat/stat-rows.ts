import { timestampDate } from "@bufbuild/protobuf/wkt";
import { preciseMs } from "@patchbay/model";
import type { StatResponse, StatRow } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { type Column, table } from "../../output/table.ts";
import { latency, percent, rate } from "../../output/units.ts";

/** What `mesh stat -o json` prints; scripts rely on it. */
export interface StatJson {
  /** Seconds that the rows really cover. */
  readonly window: number;
  /** ISO 8601. */
  readonly asOf: string;
  /** Some part of the mesh could not answer. */
  readonly partial: boolean;
  readonly rows: readonly StatJsonRow[];
}

export interface StatJsonRow {
  readonly source: string;
  readonly target: string;
  readonly route: string;
  /** With `--by backend`; the target itself when no other service was chosen. */
  readonly backend: string;
  readonly requests: number;
  /** 0 to 1; 1 when nothing was asked. */
  readonly successRate: number;
  readonly rps: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
}

/** The stable form of an answer, busiest targets' names in order. */
export function statJson(response: StatResponse): StatJson {
  return {
    window: preciseMs(response.window) / 1_000,
    asOf: response.asOf ? timestampDate(response.asOf).toISOString() : "",
    partial: response.partial,
    rows: response.rows.map(statRow).sort(byNames),
  };
}

function statRow(row: StatRow): StatJsonRow {
  const requests = Number(row.requests);
  const successRate = requests > 0 ? (requests - Number(row.failures)) / requests : 1;
  const { source, target, route, backend, rps } = row;
  const latencyMs = { p50: preciseMs(row.p50), p95: preciseMs(row.p95), p99: preciseMs(row.p99) };
  return { source, target, route, backend, requests, successRate, rps, latencyMs };
}

function byNames(a: StatJsonRow, b: StatJsonRow): number {
  const names = ["target", "source", "backend", "route"] as const;
  return names.reduce((order, name) => order || a[name].localeCompare(b[name]), 0);
}

/** Which names make a row. */
export type StatBy = "service" | "pair" | "route" | "backend";

const names: Readonly<Record<StatBy, readonly ("source" | "target" | "route" | "backend")[]>> = {
  service: ["target"],
  pair: ["source", "target"],
  route: ["source", "target", "route"],
  backend: ["source", "target", "backend"],
};

const titles = { source: "SOURCE", target: "TARGET", route: "ROUTE", backend: "BACKEND" } as const;

/** Success rate, requests a second and latencies as a table. */
export function statTable(rows: readonly StatJsonRow[], by: StatBy, width: number): string[] {
  const columns: Column[] = [
    ...names[by].map((name): Column => ({ title: titles[name], flexible: true })),
    ...["SUCCESS", "RPS", "P50", "P95", "P99"].map((title): Column => ({ title, align: "right" })),
  ];
  const cells = rows.map((row) => [
    ...names[by].map((name) => row[name] || "-"),
    percent(row.successRate),
    rate(row.rps),
    ...latencies(row),
  ]);
  return table({ columns, rows: cells, width });
}

/** Opaque TCP connections have no latency. */
function latencies({ latencyMs: { p50, p95, p99 } }: StatJsonRow): string[] {
  return [p50, p95, p99].map((ms) => (p99 === 0 ? "-" : latency(ms)));
}

/** Rates at which a line is worth a look. */
export function looksWrong(row: StatJsonRow): boolean {
  return row.successRate < 0.99;
}
