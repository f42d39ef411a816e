/** Prometheus text format 0.0.4, or OpenMetrics 1.0.0. */
export type TextFormat = "prometheus" | "openmetrics";

export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** The lines that begin a family. In OpenMetrics a counter's family is named without the `_total` of its samples. */
export function head({ name, type, help }: Family, format: TextFormat): string {
  const family = format === "openmetrics" && type === "counter" ? name.replace(/_total$/, "") : name;
  return `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
}
