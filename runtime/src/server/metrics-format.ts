import type { MetricsFormat } from "../app.ts";

export const contentTypes: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The last line of an OpenMetrics text. */
export const OPEN_METRICS_END = "# EOF\n";

/** The format that a client prefers by its Accept header. OpenMetrics only for those that name it. */
export function metricsFormatOf(accept = ""): MetricsFormat {
  let open = 0;
  let plain = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = Number(parameter(parameters, "q") ?? 1);
    const version = parameter(parameters, "version") ?? "1.0.0";
    if (type === "application/openmetrics-text" && version === "1.0.0") open = Math.max(open, quality);
    if (type === "text/plain") plain = Math.max(plain, quality);
  }
  return open > 0 && open >= plain ? "openmetrics" : "prometheus";
}

function parameter(parameters: readonly string[], name: string): string | undefined {
  return parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
}

interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: string[];
}

/**
 * Prometheus text as OpenMetrics: a counter's family has no `_total` and its samples have one, quotes in help are
 * escaped, and a family that several registries have stands together. Rewritten here because prom-client's own
 * OpenMetrics mode renames the counters of a registry for good, also in later Prometheus text.
 */
export function toOpenMetrics(text: string): string {
  const families = new Map<string, Family>();
  let help = "";
  let family: Family = { type: "unknown", help: "", samples: [] };
  for (const line of text.split("\n")) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (keyword === "HELP") help = rest;
    else if (keyword === "TYPE") {
      const own = rest === "counter" ? name.replace(/_total$/, "") : name;
      family = families.get(own) ?? { type: rest, help, samples: [] };
      families.set(own, family);
    } else if (line !== "" && !line.startsWith("#")) family.samples.push(sample(line, family));
  }
  return [...families].map(([name, each]) => familyText(name, each)).join("");
}

/** A counter's sample is named `…_total` in any case (OpenMetrics). */
function sample(line: string, { type }: Family): string {
  if (type !== "counter") return line;
  return line.replace(/^([a-zA-Z_:][\w:]*?)(?:_total)?(?=[{ ])/, "$1_total");
}

function familyText(name: string, { type, help, samples }: Family): string {
  const escaped = help.replaceAll(/\\.|"/g, (found) => (found === '"' ? '\\"' : found));
  const known = type === "untyped" ? "unknown" : type;
  return [`# TYPE ${name} ${known}`, `# HELP ${name} ${escaped}`, ...samples, ""].join("\n");
}
