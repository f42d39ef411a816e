import { show } from "../errors/mistake.ts";
import { suggestion } from "../errors/suggest.ts";
import { isDuration, parseDuration } from "./duration.ts";
import { hookNames } from "./hook-names.ts";
import { isRecord } from "./record.ts";

interface Rule {
  readonly test: (value: unknown) => boolean;
  readonly should: string;
}

const maxDeadlineMs = 30_000;
const maxDecisionMs = 5_000;
const flag: Rule = { test: (value) => typeof value === "boolean", should: "true or false" };

const resolveRules: Readonly<Record<string, Rule>> = {
  suffixes: { test: isSuffixes, should: 'a list of ends of authorities such as ["legacy"]' },
  order: { test: (value) => isWhole(value, 1, 1_000), should: "a whole number from 1 to 1000" },
  deadline: {
    test: (value) => isDuration(value) && parseDuration(value, "deadline") <= maxDeadlineMs,
    should: 'a duration of at most 30 s, such as "2s"',
  },
  failurePolicy: { test: (value) => value === "open" || value === "closed", should: '"open" or "closed"' },
  usesContext: flag,
};

const decisionRules: Readonly<Record<string, Rule>> = {
  deadline: {
    test: (value) => isDuration(value) && isWithin(parseDuration(value, "deadline"), maxDecisionMs),
    should: 'a duration of at most 5 s, such as "200ms", because a request waits',
  },
  concurrency: { test: (value) => isWhole(value, 1, 1_024), should: "a whole number from 1 to 1024" },
};

const eventRules: Readonly<Record<string, Rule>> = {
  concurrency: { test: (value) => isWhole(value, 1, 256), should: "a whole number from 1 to 256" },
  ordered: flag,
  timeout: { test: isDuration, should: 'a duration such as "30s"' },
};

const rulesOf: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  resolve: resolveRules,
  authorize: decisionRules,
  ratelimit: decisionRules,
  report: eventRules,
  endpoint: eventRules,
  plugin: eventRules,
  slo: eventRules,
};

/** Yields a sentence for each option that is unknown, wrong, or belongs to a handler that is not there. */
export function* checkOptions(definition: Readonly<Record<string, unknown>>): Generator<string> {
  const options = definition.options ?? {};
  if (!isRecord(options)) {
    yield `"options" is ${show(options)} and should be an object such as { resolve: { order: 400 } }.`;
    return;
  }
  for (const [name, values] of Object.entries(options)) {
    const rules = rulesOf[name];
    if (!rules) yield `"options.${name}" belongs to no hook or event. ${suggestion(name, Object.keys(rulesOf))}`;
    else if (!hasHandler(definition, name)) yield `"options.${name}" is there, but no handler "${name}".`;
    else yield* checkValues(name, values, rules);
  }
}

function* checkValues(name: string, values: unknown, rules: Readonly<Record<string, Rule>>): Generator<string> {
  if (!isRecord(values)) {
    yield `"options.${name}" is ${show(values)} and should be an object.`;
    return;
  }
  for (const [key, value] of Object.entries(values)) {
    const rule = rules[key];
    if (!rule) yield `"options.${name}.${key}" is not an option. ${suggestion(key, Object.keys(rules))}`;
    else if (value !== undefined && !rule.test(value))
      yield `"options.${name}.${key}" is ${show(value)} and should be ${rule.should}.`;
  }
}

function hasHandler(definition: Readonly<Record<string, unknown>>, name: string): boolean {
  const group = hookNames.includes(name) ? definition.hooks : definition.on;
  return isRecord(group) && typeof group[name] === "function";
}

function isWithin(ms: number, most: number): boolean {
  return ms > 0 && ms <= most;
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function isSuffixes(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((each) => typeof each === "string" && /^\.?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?$/i.test(each))
  );
}
