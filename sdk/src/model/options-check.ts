import { DECISION_HOOKS, HOOK_KINDS, type HookKind, hookKind, isRecord, MAX_CHAIN_ORDER } from "@patchbay/model";
import { show } from "../errors/mistake.ts";
import { suggestion } from "../errors/suggest.ts";
import { isDuration, readDuration } from "./duration.ts";
import { EVENT_NAMES } from "./events.ts";

interface Rule {
  readonly test: (value: unknown) => boolean;
  readonly should: string;
}

type Rules = Readonly<Record<string, Rule>>;

const flag: Rule = { test: (value) => typeof value === "boolean", should: "true or false" };

const resolveRules: Rules = {
  suffixes: { test: isSuffixes, should: 'a list of ends of authorities such as ["legacy"]' },
  order: { test: (value) => isWhole(value, 1, MAX_CHAIN_ORDER), should: `a whole number from 1 to ${MAX_CHAIN_ORDER}` },
  deadline: deadlineRule(HOOK_KINDS.resolve, 'such as "2s"'),
  failurePolicy: { test: (value) => value === "open" || value === "closed", should: '"open" or "closed"' },
  usesContext: flag,
};

function decisionRules(kind: HookKind): Rules {
  return {
    deadline: deadlineRule(kind, 'such as "200ms", because a request waits'),
    concurrency: {
      test: (value) => isWhole(value, 1, kind.maxConcurrency),
      should: `a whole number from 1 to ${kind.maxConcurrency}`,
    },
  };
}

const eventRules: Rules = {
  concurrency: { test: (value) => isWhole(value, 1, 256), should: "a whole number from 1 to 256" },
  ordered: flag,
  timeout: { test: isDuration, should: 'a duration such as "30s"' },
};

const rulesOf: Readonly<Record<string, Rules>> = {
  resolve: resolveRules,
  ...Object.fromEntries(DECISION_HOOKS.map((name) => [name, decisionRules(HOOK_KINDS[name])])),
  ...Object.fromEntries(EVENT_NAMES.map((name) => [name, eventRules])),
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

function* checkValues(name: string, values: unknown, rules: Rules): Generator<string> {
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
  const group = hookKind(name) !== undefined ? definition.hooks : definition.on;
  return isRecord(group) && typeof group[name] === "function";
}

function deadlineRule({ maxDeadlineMs }: HookKind, example: string): Rule {
  return {
    test: (value) => isDuration(value) && isWithin(readDuration(value, "deadline"), maxDeadlineMs),
    should: `a duration of at most ${maxDeadlineMs / 1_000} s, ${example}`,
  };
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
