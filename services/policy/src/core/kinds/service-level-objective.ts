import { checkDuration, durationMs, durationSchema } from "../duration.ts";
import { objectiveOf, type WrittenObjective } from "../objectives/objective-resource.ts";
import { OWN_API, type PolicyKind } from "../policy-kind.ts";
import { problem, type SpecProblem } from "../problem.ts";
import { label, object } from "../schema.ts";

const service = object({ name: label, namespace: label }, ["name"]);

const schema = object(
  {
    target: service,
    source: service,
    objective: { type: "number" },
    latency: object({ under: durationSchema }, ["under"]),
    windows: object({ short: durationSchema, long: durationSchema }),
    burnRate: { type: "number", exclusiveMinimum: 0, maximum: 10_000 },
  },
  ["target", "objective"],
);

/** Defaults of the windows. */
const SHORT = "5m";
const LONG = "1h";

function check(spec: WrittenObjective): readonly SpecProblem[] {
  const { objective, latency, windows: { short, long } = {} } = spec;
  const range = { leastMs: 10_000, mostMs: 3_600_000 };
  const found = [
    ...checkPercent(objective),
    ...checkDuration(latency?.under, ["latency", "under"], { leastMs: 1, mostMs: 600_000 }),
    ...checkDuration(short, ["windows", "short"], range),
    ...checkDuration(long, ["windows", "long"], range),
  ];
  if (found.length > 0 || durationMs(short ?? SHORT) < durationMs(long ?? LONG)) return found;
  return [problem(["windows"], `short ${short ?? SHORT} is not shorter than long ${long ?? LONG}`)];
}

function checkPercent(objective: number): readonly SpecProblem[] {
  if (objective >= 1 && objective <= 99.999) return [];
  if (objective > 0 && objective < 1)
    return [problem(["objective"], `${objective} is not a percentage`, `write ${objective * 100}`)];
  return [problem(["objective"], `${objective} leaves no room for errors, or no promise`, "from 1 to 99.999 percent")];
}

function summarise({ target, source, objective: percent, latency }: WrittenObjective): string {
  const from = source ? ` from ${source.name}` : "";
  return `${percent} % of requests${from} to ${target.name} are good${latency ? ` and under ${latency.under}` : ""}`;
}

export const serviceLevelObjective: PolicyKind<WrittenObjective> = {
  kind: "ServiceLevelObjective",
  apiVersion: OWN_API,
  schema,
  check,
  compile: (resource) => ({ part: { objective: objectiveOf(resource) }, inbound: [], outbound: [] }),
  summarise,
  // No proxy enforces an objective, and its service may start at any time.
  warn: () => [],
  inForce: () => [],
};
