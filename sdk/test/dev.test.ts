import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Resolver } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { eventually, temporaryDir } from "@patchbay/testkit";
import { hookToken } from "@patchbay/wire";
import { startChild } from "../src/dev/child-process.ts";
import { startDev } from "../src/dev/dev.ts";
import { createPrinter } from "../src/dev/printer.ts";
import { createReloadingHost } from "../src/dev/reloading-host.ts";
import { watchFiles } from "../src/dev/watch-files.ts";
import { authorize } from "../src/hooks/authorize.ts";
import { ratelimit } from "../src/hooks/ratelimit.ts";
import type { RawEvent } from "../src/host/host.ts";
import { LateAnswer } from "../src/host/run-decision.ts";
import { parseAuthority } from "../src/model/authority.ts";
import { startRegistry } from "./support/registry.ts";

const sdk = join(import.meta.dirname, "..", "src", "index.ts");
const nodeArguments = ["--disable-warning=ExperimentalWarning"];

/** A folder with a plugin whose file a test writes again and again, as editors do: beside, then by renaming. */
async function project() {
  const dir = await temporaryDir();
  const entry = join(dir.path, "src", "plugin.ts");
  await mkdir(join(dir.path, "src"));
  return {
    dir: dir.path,
    entry,
    write(body: string) {
      writeFileSync(`${entry}~`, `import { absent, definePlugin, rewrite } from ${JSON.stringify(sdk)};\n${body}\n`);
      renameSync(`${entry}~`, entry);
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const resolver = (to: string, extra = "") => `
export default definePlugin({ name: "hosts", hooks: { async *resolve({ signal }) { ${extra} yield rewrite("${to}"); } } });`;

const sink = (body: string) =>
  `export default definePlugin({ name: "sink", on: { async report(report, { attempt, signal }) { ${body} } } });`;

const question = { authority: parseAuthority("users") ?? assert.fail("no authority"), client: undefined };

function rawEvent(id: string): RawEvent {
  const data = toBinary(ReportSchema, create(ReportSchema, { bootId: id }));
  return { name: "report", id, subject: "s", time: 0, data, attempt: 1, pending: 0 };
}

test("answers of the code before hold until the code after has answered, and equal ones are not repeated", async () => {
  await using files = await project();
  files.write(resolver("one"));
  const host = createReloadingHost(await startChild({ entry: files.entry, nodeArguments }));
  const stop = new AbortController();
  const answers = host.resolve(question, stop.signal)[Symbol.asyncIterator]();
  assert.deepEqual((await answers.next()).value, { kind: "rewrite", authority: "one" });
  await host.swap(await startChild({ entry: files.entry, nodeArguments }));
  files.write(resolver("two"));
  await host.swap(await startChild({ entry: files.entry, nodeArguments }));
  assert.deepEqual(
    (await answers.next()).value,
    { kind: "rewrite", authority: "two" },
    "nothing for the reload that changed nothing",
  );
  stop.abort();
  await host.stop();
});

test("a reloaded plugin that does not answer in time breaks the stream, and the mesh decides", async () => {
  await using files = await project();
  files.write(resolver("one"));
  const host = createReloadingHost(await startChild({ entry: files.entry, nodeArguments }));
  const answers = host.resolve(question, new AbortController().signal)[Symbol.asyncIterator]();
  await answers.next();
  files.write(resolver("two", "await new Promise(() => setTimeout(() => {}, 60_000));"));
  await host.swap(await startChild({ entry: files.entry, nodeArguments }));
  await assert.rejects(answers.next(), /the reloaded plugin has not answered within 2 s/);
  await host.stop();
});

test("an event that the code before did not finish runs again in the code after, and is counted", async () => {
  await using files = await project();
  files.write(sink("await new Promise(() => setTimeout(() => {}, 60_000));"));
  const host = createReloadingHost(await startChild({ entry: files.entry, nodeArguments }));
  const results = [1, 2].map((id) => host.deliver(rawEvent(`${id}`), new AbortController().signal));
  files.write(sink("if (report.id.startsWith('2')) throw new Error('second');"));
  const again = await host.swap(await startChild({ entry: files.entry, nodeArguments }));
  assert.equal(again, 2);
  const [first, second] = await Promise.all(results);
  assert.deepEqual(first, { status: "done" });
  assert.match(
    second && "reason" in second ? second.reason : "",
    /on\.report threw Error: second\. \(.*plugin\.ts:2:\d+\)/,
  );
  await host.stop();
});

test("an event waits while no code runs, and is handled by the next", async () => {
  await using files = await project();
  files.write(sink("process.exit(3);"));
  const child = await startChild({ entry: files.entry, nodeArguments });
  const host = createReloadingHost(child);
  const result = host.deliver(rawEvent("1"), new AbortController().signal);
  assert.equal(await child.ended, "ended with exit code 3");
  files.write(sink(""));
  await host.swap(await startChild({ entry: files.entry, nodeArguments }));
  assert.deepEqual(await result, { status: "done" });
  await host.stop();
});

const gate = (body: string, options = "") =>
  `export default definePlugin({ name: "gate", hooks: { async authorize({ path }) { ${body} } }, options: { ${options} } });`;

test("a decision that the code before did not make is made by the code after, and mistakes keep their place", async () => {
  await using files = await project();
  const start = () => startChild({ entry: files.entry, nodeArguments });
  files.write(gate("await new Promise(() => setTimeout(() => {}, 60_000));", 'authorize: { deadline: "5s" }'));
  const host = createReloadingHost(await start());
  const ask = (path: string) => host.decide("authorize", authorize.fill({ path }), new AbortController().signal);
  const waiting = ask("/");
  files.write(
    gate(`if (path === "/x") throw new Error("no table"); return { kind: "deny", reason: path, status: 403 };`),
  );
  await host.swap(await start());
  assert.deepEqual(await waiting, { kind: "deny", reason: "/", status: 403 });
  await assert.rejects(ask("/x"), /^PluginMistake: authorize threw Error: no table\. \(.*plugin\.ts:2:\d+\)/);
  files.write(gate("await new Promise(() => {});", "authorize: { deadline: 5 }"));
  await host.swap(await start());
  await assert.rejects(ask("/"), LateAnswer);
  await host.stop();
});

test("a file that is no plugin is refused with its one line, and no process is left", async () => {
  await using files = await project();
  files.write("export default definePlugin({ name: 'x', hooks: { resolv() {} } });");
  await assert.rejects(startChild({ entry: files.entry, nodeArguments }), {
    name: "LoadError",
    message: /"hooks\.resolv" is not a hook\. Did you mean "resolve"\? \(.*src\/plugin\.ts:2:\d+\)/,
  });
  files.write("process.exit(4);");
  await assert.rejects(startChild({ entry: files.entry, nodeArguments }), /ended with exit code 4 while it loaded/);
});

test("a save by renaming, a new folder and a removed file are all seen, and other files are not looked at", async () => {
  await using files = await project();
  files.write("1");
  let changes = 0;
  const stop = new AbortController();
  const watching = watchFiles({ folder: files.dir, signal: stop.signal, onChange: () => (changes += 1) });
  await new Promise((done) => setTimeout(done, 100));
  for (const [expected, change] of [
    [1, () => files.write("22")],
    [2, () => files.write("333")],
    [
      3,
      async () =>
        writeFileSync(join((await mkdir(join(files.dir, "src", "new"), { recursive: true })) ?? "", "a.ts"), ""),
    ],
    [4, () => writeFileSync(join(files.dir, "src", "new", "a.ts"), "changed")],
  ] as const) {
    await change();
    await eventually(() => changes === expected);
  }
  await mkdir(join(files.dir, "node_modules"));
  writeFileSync(join(files.dir, "node_modules", "x.js"), "");
  files.write("4444");
  await eventually(() => changes >= 5);
  assert.equal(changes, 5);
  stop.abort();
  await watching;
});

test("a development session keeps its registration over saves, mistakes and crashes", async () => {
  await using files = await project();
  const key = new Uint8Array(32).fill(9);
  await using registry = await startRegistry({ key });
  const state = join(files.dir, "state");
  await mkdir(state, { mode: 0o700 });
  writeFileSync(join(state, "development.key"), Buffer.from(key).toString("base64url"), { mode: 0o600 });
  process.env.MESH_STATE_DIR = state;
  const lines: string[] = [];
  const printer = createPrinter((text) => lines.push(text));
  files.write("export default 7;");
  const session = startDev({
    entry: files.entry,
    nodeArguments,
    config: undefined,
    registry: registry.address,
    printer,
  });
  await eventually(() => lines.some((line) => line.includes("exports 7 by default")));
  files.write(resolver("one"));
  const served = await session.started;
  await served.ready();
  const stop = new AbortController();
  const headers = {
    authorization: `Bearer ${hookToken(key, { namespace: "default", name: "hosts", instance: served.instance })}`,
  };
  const client = createClient(Resolver, createGrpcTransport({ baseUrl: `http://${served.address}` }));
  const answers = client.resolve({ authority: "users" }, { headers, signal: stop.signal })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await answers.next();
    return value?.answer.case === "rewrite" ? value.answer.value.authority : undefined;
  };
  assert.equal(await next(), "one");
  files.write("this is no TypeScript(");
  await eventually(() => lines.some((line) => line.includes("The code before it goes on")));
  files.write(resolver("two", "if (process.env.NEVER) process.exit(1);"));
  assert.equal(await next(), "two");
  files.write(resolver("three", "setTimeout(() => process.exit(5), 300);"));
  assert.equal(await next(), "three");
  await eventually(() => lines.some((line) => line.includes("ended with exit code 5; starting it again")));
  assert.ok(
    registry.announcements.every(({ instance }) => instance === served.instance),
    "one instance all the while",
  );
  assert.equal(registry.drains.length, 0);
  stop.abort();
  await session.stop("done");
  assert.deepEqual(registry.drains, ["done"]);
  assert.ok(lines.some((line) => /Reloaded plugin\.ts in \d/.test(line)));
  delete process.env.MESH_STATE_DIR;
});

test("a file that never finishes loading is given up at the next save, and at the end", async () => {
  await using files = await project();
  await using state = await temporaryDir();
  process.env.MESH_STATE_DIR = state.path;
  const marks = join(files.dir, "node_modules");
  await mkdir(marks);
  const hanging = (mark: string) => `import { writeFileSync } from "node:fs";
    writeFileSync(${JSON.stringify(marks)} + "/${mark}", "");
    await new Promise(() => setTimeout(() => {}, 60_000));`;
  files.write(hanging("first"));
  const printer = createPrinter(() => undefined);
  const session = startDev({ entry: files.entry, nodeArguments, config: undefined, registry: undefined, printer });
  await eventually(() => existsSync(join(marks, "first")));
  files.write(resolver("one"));
  await session.started;
  files.write(hanging("second"));
  await eventually(() => existsSync(join(marks, "second")));
  await session.stop("done");
  delete process.env.MESH_STATE_DIR;
});

test("what keeps a reload from being served is said, and the next save tries again", async () => {
  await using files = await project();
  await using state = await temporaryDir();
  process.env.MESH_STATE_DIR = state.path;
  files.write(resolver("one"));
  const lines: string[] = [];
  const printer = createPrinter((text) => lines.push(text));
  const session = startDev({ entry: files.entry, nodeArguments, config: undefined, registry: undefined, printer });
  await session.started;
  const key = join(state.path, "development.key");
  const content = readFileSync(key);
  writeFileSync(key, "no key");
  files.write(resolver("one").replace("hosts", "renamed"));
  await eventually(() => lines.some((line) => /Could not reload: .*is not a development key/.test(line)));
  writeFileSync(key, content);
  files.write(resolver("two").replace("hosts", "renamed"));
  await eventually(() => lines.some((line) => line.includes("Serving renamed ")));
  await session.stop("done");
  delete process.env.MESH_STATE_DIR;
});

test("events are summed up by the second, and a repeated mistake is printed once", async () => {
  const lines: string[] = [];
  const printer = createPrinter((text) => lines.push(text.slice(9).trim()));
  for (let i = 0; i < 3; i += 1) printer.observer.onEvent("report", "handled", 2);
  printer.observer.onEvent("report", "failed", 2);
  printer.observer.onMistake("users", "resolve threw");
  printer.observer.onMistake("users", "resolve threw");
  await eventually(() => lines.some((line) => line.startsWith("report events")));
  assert.deepEqual(lines, ["resolve threw", "report events: 3 handled, 1 failed (2.0 ms each)"]);
  printer.close();
});

test("decisions are printed one by one, and a rush of them is summed up", async () => {
  const lines: string[] = [];
  const printer = createPrinter((text) => lines.push(text.slice(9).trim()));
  const question = ratelimit.fill({ wanted: 5 });
  for (let i = 0; i < 10; i += 1) {
    const answer = { kind: "grant", requests: 5, validForMs: 1_000 } as const;
    printer.observer.onDecision({ hook: "ratelimit", question, answer, tookMs: 1 });
  }
  printer.observer.onNoDecision("ratelimit", "ratelimit threw");
  await eventually(() => lines.some((line) => line.includes("more of them")));
  assert.equal(lines.filter((line) => line.endsWith("default/web/web-1: 5 of 5 for 1 s")).length, 8);
  assert.deepEqual(lines.slice(8), ["ratelimit threw", "ratelimit and more of them: 2 grant"]);
  printer.close();
});
