import { Counter, Gauge, type Registry } from "prom-client";
import type { Aggregate } from "../core/aggregate/aggregate.ts";
import type { Presence } from "../engine/presence.ts";
import type { ReportCounts } from "../engine/report-counts.ts";

export interface MetricSources {
  readonly aggregate: Aggregate;
  readonly presence: Presence;
  readonly counts: ReportCounts;
  readonly replayed: () => number;
}

/** Adds the service's own metrics, read when somebody asks. */
export function addTelemetryMetrics(registry: Registry, sources: MetricSources): void {
  const { aggregate, presence, counts, replayed } = sources;
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("telemetry_series", "Series held for /metrics.", () => aggregate.series.size);
  gauge("telemetry_groups", "Groups held for windows.", () => aggregate.groups.size);
  gauge("telemetry_health_targets", "Targets whose health is held.", () => aggregate.extras.health.size);
  gauge("telemetry_decisions", "Decisions held, by policy, source and verdict.", () => aggregate.extras.decisions.size);
  gauge("telemetry_labels", "Label values held.", () => aggregate.labels.size);
  gauge(
    "telemetry_overflowed_rows",
    "Rows folded into overflow series since the start.",
    () => aggregate.overflowedRows,
  );
  gauge("telemetry_report_streams", "Streams of reports that are open.", () => presence.sessions());
  gauge("telemetry_replayed_reports", "Stored reports read at the start.", replayed);
  new Counter({
    name: "telemetry_reports_total",
    help: "Reports received, by what became of them.",
    labelNames: ["result"],
    registers,
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(counts)) this.inc({ result }, count);
    },
  });
}
