import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDir } from "@patchbay/testkit";

const main = join(import.meta.dirname, "..", "src", "cli", "main.ts");

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command without a terminal. */
function meshSdk(cwd: string, ...args: string[]): Promise<Result> {
  return new Promise((done) => {
    const env = { ...process.env, MESH_STATE_DIR: join(cwd, ".state"), NODE_TEST_CONTEXT: "" };
    const child = spawn(process.execPath, [main, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const texts = { out: "", err: "" };
    child.stdout.on("data", (chunk) => (texts.out += String(chunk)));
    child.stderr.on("data", (chunk) => (texts.err += String(chunk)));
    child.once("close", (code) => done({ code, ...texts }));
  });
}

/** Paths of all files below a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

test("new makes eight files with the plugin's name in them, and says what to type next", async () => {
  await using dir = await temporaryDir();
  const { code, out } = await meshSdk(dir.path, "new", "my-resolver", "--kind", "resolver", "--skip-install");
  assert.equal(code, 0);
  const folder = join(dir.path, "my-resolver");
  const files = filesIn(folder);
  assert.deepEqual(files, [
    ".gitignore",
    "AGENTS.md",
    "README.md",
    files.find((name) => name.endsWith(".tgz")),
    "package.json",
    "src/plugin.ts",
    "test/plugin.test.ts",
    "tsconfig.json",
  ]);
  for (const file of files.filter((name) => !name.endsWith(".tgz"))) {
    assert.doesNotMatch(readFileSync(join(folder, file), "utf8"), /\{\{\w+\}\}/, file);
  }
  assert.match(readFileSync(join(folder, "src/plugin.ts"), "utf8"), /"hello\.my-resolver": "web"/);
  assert.match(out, /cd my-resolver\n {2}npm install\n {2}npm run dev\n/);
  assert.match(out, /mesh run -- curl http:\/\/hello\.my-resolver\//);
});

test("new puts a sink where it is told to", async () => {
  await using dir = await temporaryDir();
  const { code } = await meshSdk(dir.path, "new", "my-sink", "--kind", "sink", "--dir", "deep/place", "--no-install");
  assert.equal(code, 0);
  assert.equal(filesIn(join(dir.path, "deep/place")).length, 8);
});

for (const [kind, policy] of [
  ["authorize", "AuthorizationPolicy"],
  ["ratelimit", "RateLimitPolicy"],
] as const) {
  test(`new makes a plugin of kind ${kind}, and its README has a policy that names it`, async () => {
    await using dir = await temporaryDir();
    const { code, out } = await meshSdk(dir.path, "new", "my-gate", "--kind", kind, "--skip-install");
    assert.equal(code, 0);
    assert.match(out, /README\.md has one to try/);
    const folder = join(dir.path, "my-gate");
    assert.equal(filesIn(folder).length, 8);
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    assert.match(readme, new RegExp(`kind: ${policy}\\n`));
    assert.match(readme, /plugin: \{ name: my-gate, failurePolicy: \w+ \}/);
    assert.doesNotMatch(readme, /\{\{\w+\}\}/);
    assert.match(readFileSync(join(folder, "src/plugin.ts"), "utf8"), /name: "my-gate"/);
  });
}

test("new leaves a folder alone that is not empty", async () => {
  await using dir = await temporaryDir();
  mkdirSync(join(dir.path, "taken"));
  writeFileSync(join(dir.path, "taken", "precious.txt"), "x");
  const { code, err } = await meshSdk(dir.path, "new", "taken", "--kind", "sink", "--skip-install");
  assert.equal(code, 1);
  assert.match(err, /is there already and not empty; choose another name, or another place with --dir/);
  assert.deepEqual(filesIn(join(dir.path, "taken")), ["precious.txt"]);
});

test("new proposes a name that will do", async () => {
  await using dir = await temporaryDir();
  const { code, err } = await meshSdk(dir.path, "new", "My Resolver!", "--kind", "resolver");
  assert.equal(code, 2);
  assert.match(err, /"My Resolver!" will not do as a plugin's name .*; "my-resolver" would do/);
});

test("without a terminal new asks nothing and says how to tell it", async () => {
  await using dir = await temporaryDir();
  for (const args of [[], ["my-plugin"]]) {
    const { code, err } = await meshSdk(dir.path, "new", ...args);
    assert.equal(code, 2);
    assert.match(err, /nobody is here to ask; say it on the command line: mesh-sdk new NAME --kind resolver/);
  }
});

test("a wrong kind, a wrong command and a wrong option end with 2 and a hint", async () => {
  await using dir = await temporaryDir();
  const kind = await meshSdk(dir.path, "new", "x", "--kind", "resolve");
  assert.equal(kind.code, 2);
  assert.match(kind.err, /Allowed choices are resolver, sink, authorize, ratelimit/);
  const command = await meshSdk(dir.path, "nwe");
  assert.equal(command.code, 2);
  assert.match(command.err, /Did you mean new\?/);
  assert.equal((await meshSdk(dir.path, "dev", "--config")).code, 2);
});

test("help ends with 0 for the command and each of its parts", async () => {
  await using dir = await temporaryDir();
  const results = await Promise.all([[], ["new"], ["dev"]].map((args) => meshSdk(dir.path, ...args, "--help")));
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0, 0],
  );
});

test("outside of a plugin's folder, dev, start and test say what is missing", async () => {
  await using dir = await temporaryDir();
  const [dev, start, tests] = await Promise.all(["dev", "start", "test"].map((command) => meshSdk(dir.path, command)));
  assert.match(dev?.err ?? "", /there is no src\/plugin\.ts here; run this in the plugin's folder/);
  assert.equal(start?.code, 2);
  assert.match(tests?.err ?? "", /there are no tests here/);
});

test("start tells a mistake of the author's on one line, with the place", async () => {
  await using dir = await temporaryDir();
  mkdirSync(join(dir.path, "src"));
  const sdk = join(import.meta.dirname, "..", "src", "index.ts");
  const write = (body: string) =>
    writeFileSync(join(dir.path, "src", "plugin.ts"), `import { definePlugin } from "${sdk}";\n${body}\n`);
  write('export default definePlugin({ name: "x", hooks: { resolv() {} } });');
  const mistake = await meshSdk(dir.path, "start");
  assert.equal(mistake.code, 1);
  assert.equal(
    mistake.err,
    'mesh-sdk: plugin "x": "hooks.resolv" is not a hook. Did you mean "resolve"? (src/plugin.ts:2:16)\n',
  );
  write("export const plugin = 1;");
  assert.match(
    (await meshSdk(dir.path, "start")).err,
    /src\/plugin\.ts has no default export\. Write `export default definePlugin/,
  );
  write("throw new Error('at the top');");
  assert.match(
    (await meshSdk(dir.path, "start")).err,
    /loading src\/plugin\.ts threw Error: at the top\. \(src\/plugin\.ts:2:7\)/,
  );
});
