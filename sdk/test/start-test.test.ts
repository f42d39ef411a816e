import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, definePlugin, empty, endpoints, type Hooks, permanent, retry, rewrite } from "../src/index.ts";
import { startTest } from "../src/test/index.ts";

const legacyHosts = definePlugin({
  name: "legacy-hosts",
  config: {
    type: "object",
    properties: { table: { type: "object", additionalProperties: { type: "array", items: { type: "string" } } } },
    required: ["table"],
  },
  hooks: {
    async *resolve({ authority, config }) {
      const hosts = config.table[authority.host];
      yield hosts ? endpoints(hosts) : absent();
    },
  },
});

/** A plugin with only a resolver, which may break its types. */
function resolver(resolve: unknown) {
  return definePlugin({ name: "probe", hooks: { resolve: resolve as NonNullable<Hooks<unknown>["resolve"]> } });
}

const line = (text: string) =>
  new RegExp(`^(PluginMistake: )?${text}.*\\((\\S+/)?start-test\\.test\\.ts:\\d+:\\d+\\)$`);

test("a resolver answers from its configuration", async () => {
  await using plugin = await startTest(legacyHosts, { config: { table: { users: ["10.0.0.1:80"] } } });
  assert.deepEqual(await plugin.resolve("users:80"), endpoints(["10.0.0.1:80"]));
  assert.deepEqual(await plugin.resolve("users.default.svc.cluster.local"), endpoints(["10.0.0.1:80"]));
  assert.deepEqual(await plugin.resolve("orders"), absent());
});

test("configuration that does not fit the schema is refused with every problem", async () => {
  await assert.rejects(startTest(legacyHosts), /ConfigError|config: must have required property 'table'/);
  await assert.rejects(
    startTest(legacyHosts, { config: { table: { a: "b", c: [1] } } }),
    /table\.a: must be array; table\.c\.0: must be string \(\S*start-test\.test\.ts:\d+:\d+\)/,
  );
});

test("a watch gives every answer that differs from the one before", async () => {
  await using plugin = await startTest(
    resolver(async function* () {
      yield absent();
      yield absent();
      yield rewrite("web");
    }),
  );
  await using watch = plugin.watch("users");
  assert.deepEqual(await watch.next(), absent());
  assert.deepEqual(await watch.next(), rewrite("web"));
});

test("a watch can be iterated, and stopping it ends the generator and its signal", async () => {
  const seen: string[] = [];
  const plugin = await startTest(
    resolver(async function* ({ signal }: { signal: AbortSignal }) {
      signal.addEventListener("abort", () => seen.push("aborted"));
      try {
        yield empty();
        await new Promise(() => undefined);
      } finally {
        seen.push("never reached: the generator is in the middle of an await");
      }
    }),
  );
  for await (const answer of plugin.watch("users")) {
    assert.deepEqual(answer, empty());
    break;
  }
  assert.deepEqual(seen, ["aborted"]);
});

test("a throw comes back as one line with the place in the author's file", async () => {
  await using plugin = await startTest(
    resolver(async function* () {
      JSON.parse("{");
      yield absent();
    }),
  );
  await assert.rejects(plugin.resolve("users"), line('resolve\\("users"\\) threw SyntaxError: '));
});

for (const [mistake, resolve, message] of [
  [
    "yields undefined",
    async function* () {
      yield undefined;
    },
    'resolve\\("users"\\) yielded undefined, which is no answer',
  ],
  [
    "yields an address instead of an answer",
    async function* () {
      yield "10.0.0.1:80";
    },
    'yielded "10.0.0.1:80", which is no answer',
  ],
  [
    "yields a bad answer made by hand",
    async function* () {
      yield { kind: "endpoints", endpoints: [{ address: "users", port: 80 }] };
    },
    'endpoint 0 has the address "users"',
  ],
  [
    "ends without an answer",
    async function* () {
      /* forgets to */
    },
    'resolve\\("users"\\) ended without an answer',
  ],
  [
    "returns its answer",
    async function* () {
      if (Date.now() < 0) yield empty();
      return absent();
    },
    'returned \\{"kind":"absent"\\}. `yield` the answer instead',
  ],
  ["is a plain function", () => absent(), 'returned \\{"kind":"absent"\\} instead of a generator'],
  [
    "is a plain function that returns a Promise",
    () => Promise.resolve(absent()),
    'resolve\\("users"\\) returned a Promise instead of a generator',
  ],
  [
    "throws a text",
    async function* () {
      yield* fail("no");
    },
    'threw "no"',
  ],
  [
    "throws before it is a generator",
    () => {
      throw new RangeError("early");
    },
    'resolve\\("users"\\) threw RangeError: early',
  ],
] as const) {
  test(`a resolver that ${mistake} is told so, with the place`, async () => {
    await using plugin = await startTest(resolver(resolve));
    await assert.rejects(plugin.resolve("users"), line(`.*${message}`));
  });
}

test("the place of a bad yield is the line of that yield", async () => {
  const source = async function* () {
    yield absent();
    yield null; // here
  };
  await using plugin = await startTest(resolver(source));
  await using watch = plugin.watch("users");
  await watch.next();
  const error = await watch.next().then(
    () => new Error("it was accepted"),
    (thrown: Error) => thrown,
  );
  const at = Number(/test\.ts:(\d+):/.exec(error.message)?.[1]);
  const { readFileSync } = await import("node:fs");
  assert.match(readFileSync(import.meta.filename, "utf8").split("\n")[at - 1] ?? "", /yield null; \/\/ here/);
});

test("retry(after) runs the generator again and the answer before stays in force", async () => {
  let runs = 0;
  await using plugin = await startTest(
    resolver(async function* () {
      runs += 1;
      yield rewrite("web");
      if (runs < 3) throw retry("5ms");
      yield empty();
    }),
  );
  await using watch = plugin.watch("users");
  assert.deepEqual(await watch.next(), rewrite("web"));
  assert.deepEqual(await watch.next(), empty());
  assert.equal(runs, 3);
});

function fail(error: unknown): Iterable<never> {
  throw error;
}

test("permanent() in a resolver fails the question", async () => {
  await using plugin = await startTest(
    resolver(async function* () {
      yield* fail(permanent("this name is retired"));
    }),
  );
  await assert.rejects(plugin.resolve("users"), { name: "PermanentError", message: "this name is retired" });
});

test("a resolver that does not answer in time is reported as the mesh would see it", async () => {
  await using plugin = await startTest(
    resolver(async function* ({ signal }: { signal: AbortSignal }) {
      await new Promise((done) => signal.addEventListener("abort", done));
      yield absent();
    }),
  );
  await assert.rejects(plugin.resolve("users", { timeoutMs: 5 }), /has not answered within 0\.005 s/);
});

test("the client is given only to a resolver that says it uses it", async () => {
  const seen: unknown[] = [];
  const resolve: NonNullable<Hooks<unknown>["resolve"]> = async function* ({ client }) {
    seen.push(client);
    yield absent();
  };
  await using without = await startTest(definePlugin({ name: "probe", hooks: { resolve } }));
  await without.resolve("users", { client: { zone: "a" } });
  await using withClient = await startTest(
    definePlugin({ name: "probe", hooks: { resolve }, options: { resolve: { usesContext: true } } }),
  );
  await withClient.resolve("users", { client: { zone: "a" } });
  assert.deepEqual(seen, [undefined, { namespace: "default", zone: "a", labels: {} }]);
});

test("an event's outcome says what the mesh would do", async () => {
  const errors: unknown[] = [undefined, new Error("the store is away"), retry("7s"), permanent("no such account")];
  const plugin = definePlugin({
    name: "sink",
    on: {
      report(report, { attempt }) {
        const error = errors[report.overflowed];
        if (error && attempt < 6) throw error;
      },
    },
  });
  await using sink = await startTest(plugin);
  const deliver = (overflowed: number, attempt = 1) => sink.deliver.report({ overflowed }, { attempt });
  assert.deepEqual(await deliver(0), { status: "acked" });
  const failed = await deliver(1);
  assert.equal(failed.status === "retried" && failed.afterMs, 1_000);
  assert.match("reason" in failed ? failed.reason : "", line("on\\.report threw Error: the store is away\\."));
  const third = await deliver(1, 3);
  assert.equal(third.status === "retried" && third.afterMs, 4_000, "waits double");
  assert.equal((await deliver(1, 5)).status, "dead", "the fifth delivery is the last");
  assert.deepEqual(await deliver(2), { status: "retried", afterMs: 7_000, reason: "asked to be tried again" });
  assert.deepEqual(await deliver(3), { status: "dead", reason: "no such account" });
});

test("a report has names, percentiles and buckets, whatever the test leaves out", async () => {
  const seen: unknown[] = [];
  await using sink = await startTest(
    definePlugin({ name: "sink", on: { report: (report) => void seen.push(report.rows[0]) } }),
  );
  await sink.deliver.report({ rows: [{ source: "web", target: "orders", requests: 4 }] });
  const [row] = seen as [{ source: string; latency: { count: number } }];
  assert.equal(row.source, "web");
  assert.equal(row.latency.count, 4);
});

test("an event handler that is a generator never ran, and is told so", async () => {
  const report = function* () {
    yield 1;
  };
  const report2 = async function* () {
    yield 1;
  };
  for (const handler of [report, report2]) {
    const plugin = definePlugin({ name: "sink", on: { report: handler as unknown as () => void } });
    await using sink = await startTest(plugin);
    const outcome = await sink.deliver.report();
    assert.match("reason" in outcome ? outcome.reason : "", /on\.report is a generator\. Write it without the `\*`/);
  }
});

test("a handler that outlives its timeout is stopped by its signal and tried again", async () => {
  let aborted = false;
  const plugin = definePlugin({
    name: "sink",
    on: {
      report: (_report, { signal }) =>
        new Promise(() =>
          signal.addEventListener("abort", () => {
            aborted = true;
          }),
        ),
    },
    options: { report: { timeout: "5ms" } },
  });
  await using sink = await startTest(plugin);
  const outcome = await sink.deliver.report();
  assert.equal(outcome.status, "retried");
  assert.match("reason" in outcome ? outcome.reason : "", /did not finish within 0\.005 s/);
  assert.ok(aborted);
});

test("the kit keeps what the plugin logged", async () => {
  await using sink = await startTest(
    definePlugin({ name: "sink", on: { report: (_report, { log }) => log.info("seen", { n: 1 }) } }),
  );
  await sink.deliver.report();
  assert.deepEqual(sink.logs, [{ level: "info", message: "seen", fields: { n: 1 } }]);
});

test("asking for what the plugin does not have is an error of the test", async () => {
  await using plugin = await startTest(legacyHosts, { config: { table: {} } });
  await assert.rejects(plugin.deliver.report(), /no handler for "report" events/);
  await assert.rejects(plugin.resolve("not an authority"), /no authority/);
});
