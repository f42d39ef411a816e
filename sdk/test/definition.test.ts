import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, definePlugin, PluginMistake } from "../src/index.ts";

/** The message of the mistake that a definition is refused with. */
function mistakeIn(definition: object): PluginMistake {
  try {
    Reflect.apply(definePlugin, undefined, [definition]);
  } catch (error) {
    assert.ok(error instanceof PluginMistake, `expected a PluginMistake, got ${String(error)}`);
    return error;
  }
  throw new Error("the definition was accepted");
}

const resolve = async function* () {
  yield absent();
};

test("a plugin keeps its name and version, and has a version without saying one", () => {
  const plugin = definePlugin({ name: "hosts", hooks: { resolve } });
  assert.deepEqual({ ...plugin }, { name: "hosts", version: "0.0.0", ...symbolsOf(plugin) });
  assert.equal(definePlugin({ name: "hosts", version: "1.2.3", hooks: { resolve } }).version, "1.2.3");
});

function symbolsOf(value: object): object {
  return Object.fromEntries(Object.getOwnPropertySymbols(value).map((key) => [key, Reflect.get(value, key)]));
}

test("a misspelt hook is answered with the one that was meant, and with the place in the author's file", () => {
  const { message, place } = mistakeIn({ name: "hosts", hooks: { resolv: resolve } });
  assert.match(message, /"hooks\.resolv" is not a hook\. Did you mean "resolve"\?/);
  assert.match(message, /^plugin "hosts": /);
  assert.match(place ?? "", /definition\.test\.ts:\d+:\d+$/);
});

test("a name that nobody knows is answered with the list of what there is", () => {
  assert.match(
    mistakeIn({ name: "hosts", on: { metrics: () => undefined } }).message,
    /Known are report, endpoint, plugin/,
  );
});

test("an event is not looked for among the hooks' names only: on.reports suggests report", () => {
  assert.match(
    mistakeIn({ name: "hosts", on: { reports: () => undefined } }).message,
    /"on\.reports" is not an event\. Did you mean "report"\?/,
  );
});

test("an async function is not a generator, and the message says what to write", () => {
  const { message } = mistakeIn({ name: "hosts", hooks: { resolve: async () => undefined } });
  assert.match(message, /async function and should be an async generator: write `async \*resolve\(\.\.\.\)`/);
});

test("everything that is wrong is told at once, on one line", () => {
  const { message } = mistakeIn({
    name: "My Plugin",
    version: "one",
    hook: {},
    on: { report: 7 },
    options: { report: { concurency: 3, ordered: "yes" }, resolve: {} },
  });
  assert.match(message, /The name "My Plugin" will not do/);
  assert.match(message, /The version "one" is not a semantic version/);
  assert.match(message, /"hook" is not a part of a plugin\. Did you mean "hooks"\?/);
  assert.match(message, /"on\.report" is 7 and should be a function/);
  assert.match(message, /"options\.report" is there, but no handler "report"/);
  assert.match(message, /"options\.resolve" is there, but no handler "resolve"/);
  assert.doesNotMatch(message, /\n/);
});

test("options are checked by name, type and range", () => {
  const options = {
    resolve: { order: -1, deadline: "1 minute", failurePolicy: "ajar", suffixes: ["a b"], usesContext: 1 },
  };
  const { message } = mistakeIn({ name: "hosts", hooks: { resolve }, options });
  for (const name of ["order", "deadline", "failurePolicy", "suffixes", "usesContext"]) {
    assert.ok(message.includes(`"options.resolve.${name}"`), message);
  }
  assert.match(
    mistakeIn({ name: "hosts", hooks: { resolve }, options: { resolve: { deadline: "31s" } } }).message,
    /at most 30 s/,
  );
});

test("options of a resolver have the bounds that the registry has", () => {
  const bad: readonly object[] = [{ order: 0 }, { order: 10_001 }, { deadline: "0ms" }, { deadline: "30001ms" }];
  for (const options of bad) {
    const { message } = mistakeIn({ name: "hosts", hooks: { resolve }, options: { resolve: options } });
    assert.match(message, /from 1 to 10000|at most 30 s/);
  }
  definePlugin({ name: "hosts", hooks: { resolve }, options: { resolve: { order: 10_000, deadline: "30s" } } });
});

test("a plugin that does nothing is told so", () => {
  assert.match(mistakeIn({ name: "hosts" }).message, /does nothing yet/);
});

test("what is no definition at all is refused", () => {
  assert.match(mistakeIn([]).message, /definePlugin\(\) got \[\]/);
  assert.match(mistakeIn({ name: "hosts", hooks: resolve }).message, /"hooks" is the function resolve/);
});

test("a schema must be a JSON Schema or offer ~standard.jsonSchema", () => {
  assert.match(mistakeIn({ name: "hosts", hooks: { resolve }, config: "object" }).message, /"config" is "object"/);
  const withoutJson = { "~standard": { version: 1, vendor: "valibot", validate: () => undefined } };
  assert.match(mistakeIn({ name: "hosts", hooks: { resolve }, config: withoutJson }).message, /~standard\.jsonSchema/);
});
