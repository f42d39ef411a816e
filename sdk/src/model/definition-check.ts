import { DECISION_HOOKS, HOOK_NAMES, isRecord } from "@patchbay/model";
import { PluginMistake, show } from "../errors/mistake.ts";
import { suggestion } from "../errors/suggest.ts";
import { EVENT_NAMES } from "./events.ts";
import { checkOptions } from "./options-check.ts";

const KEYS = ["name", "version", "config", "hooks", "on", "options"];
const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/** Throws one PluginMistake with all that is wrong in a definition. */
export function checkDefinition(definition: unknown, place: string | undefined): void {
  const problems = isRecord(definition)
    ? [...checkNames(definition), ...checkHandlers(definition), ...checkOptions(definition)]
    : [`definePlugin() got ${show(definition)}. Write definePlugin({ name: "my-plugin", hooks: { ... } }).`];
  if (problems.length === 0) return;
  const who = isRecord(definition) && typeof definition.name === "string" ? `plugin "${definition.name}": ` : "";
  throw new PluginMistake(`${who}${problems.join(" ")}`, { place });
}

function* checkNames(definition: Readonly<Record<string, unknown>>): Generator<string> {
  const { name, version, config } = definition;
  for (const key of Object.keys(definition)) {
    if (!KEYS.includes(key)) yield `"${key}" is not a part of a plugin. ${suggestion(key, KEYS)}`;
  }
  if (!isPluginName(name)) {
    yield `The name ${show(name)} will not do: lower-case letters, digits and dashes, at most 63, beginning with a letter.`;
  }
  if (version !== undefined && !(typeof version === "string" && SEMVER.test(version))) {
    yield `The version ${show(version)} is not a semantic version such as "1.0.0".`;
  }
  if (config !== undefined && !isSchema(config)) {
    yield `"config" is ${show(config)}: give it a JSON Schema such as { type: "object", properties: { ... } }, or a schema with ~standard.jsonSchema (zod 4.6 has it).`;
  }
}

function* checkHandlers(definition: Readonly<Record<string, unknown>>): Generator<string> {
  const hooks = definition.hooks ?? {};
  const events = definition.on ?? {};
  yield* checkGroup({ group: hooks, name: "hooks", known: HOOK_NAMES, what: "hook" });
  yield* checkGroup({ group: events, name: "on", known: EVENT_NAMES, what: "event" });
  if (isRecord(hooks)) {
    yield* checkResolve(hooks.resolve);
    for (const name of DECISION_HOOKS) yield* checkDecision(name, hooks[name]);
  }
  const handlers = [hooks, events].flatMap((group) => (isRecord(group) ? Object.keys(group) : ["?"]));
  if (handlers.length === 0)
    yield 'It does nothing yet: give it a hook, such as "hooks: { async *resolve() {} }", or an event, such as "on: { report() {} }".';
}

interface Group {
  readonly group: unknown;
  readonly name: string;
  readonly known: readonly string[];
  readonly what: string;
}

function* checkGroup({ group, name, known, what }: Group): Generator<string> {
  if (!isRecord(group)) {
    yield `"${name}" is ${show(group)} and should be an object of functions.`;
    return;
  }
  for (const [key, handler] of Object.entries(group)) {
    if (!known.includes(key))
      yield `"${name}.${key}" is not ${what === "event" ? "an" : "a"} ${what}. ${suggestion(key, known)}`;
    else if (handler !== undefined && typeof handler !== "function")
      yield `"${name}.${key}" is ${show(handler)} and should be a function.`;
  }
}

/** A wrapped generator cannot be told from outside; an async function certainly is not one. */
function* checkResolve(resolve: unknown): Generator<string> {
  if (typeof resolve === "function" && resolve.constructor.name === "AsyncFunction") {
    yield '"hooks.resolve" is an async function and should be an async generator: write `async *resolve(...)` and `yield` the answer.';
  }
}

/** A generator has done nothing when it returns: its caller would wait for an answer that never comes. */
function* checkDecision(name: string, hook: unknown): Generator<string> {
  if (typeof hook === "function" && /^(Async)?GeneratorFunction$/.test(hook.constructor.name)) {
    yield `"hooks.${name}" is a generator and should be an async function: write \`async ${name}(...)\` and return the answer.`;
  }
}

/** DNS label that begins with a letter. */
export function isPluginName(name: unknown): boolean {
  return typeof name === "string" && /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}

function isSchema(config: unknown): boolean {
  if (typeof config !== "object" && typeof config !== "function") return false;
  if (config === null || Array.isArray(config)) return false;
  const standard: unknown = Reflect.get(config, "~standard");
  if (standard === undefined) return typeof config === "object";
  return isRecord(standard) && isRecord(standard.jsonSchema) && typeof standard.jsonSchema.input === "function";
}
