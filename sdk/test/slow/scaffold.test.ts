import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { eventually } from "@patchbay/testkit";
import { startMesh } from "../../src/test/index.ts";

// Every step as a person takes it, in an empty folder outside of the clone, with the packages that npm installs.

const meshSdk = join(import.meta.dirname, "..", "..", "bin", "mesh-sdk.mjs");
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "mesh-scaffold-"));
});

after(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));

interface Result {
  readonly code: number | null;
  readonly out: string;
}

function start(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const own = { MESH_STATE_DIR: join(dir, "state"), PATH: path };
  return spawn(command, args, { cwd, env: { ...process.env, ...own, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

/** Everything that a process says, as it comes. */
function listen(child: ChildProcess): () => string {
  let text = "";
  const take = (chunk: unknown) => {
    text += String(chunk);
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  return () => text;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<Result> {
  const child = start(command, args, cwd);
  const text = listen(child);
  const [code] = await once(child, "close");
  return { code: typeof code === "number" ? code : null, out: text() };
}

/** What strict authors ask of the compiler beside what a template does. */
const strict = [
  "--exactOptionalPropertyTypes",
  "--noUnusedLocals",
  "--noUnusedParameters",
  "--noPropertyAccessFromIndexSignature",
];

for (const kind of ["resolver", "sink"]) {
  test(`a scaffolded ${kind} installs, passes its test, and compiles for a strict author`, {
    timeout: 180_000,
  }, async () => {
    const made = await run(process.execPath, [meshSdk, "new", `my-${kind}`, "--kind", kind], dir);
    assert.equal(made.code, 0, made.out);
    const folder = join(dir, `my-${kind}`);
    const tests = await run("npm", ["test"], folder);
    assert.equal(tests.code, 0, tests.out);
    assert.match(tests.out, /pass [12]\n/);
    for (const check of ["true", "false"]) {
      const compiled = await run("npx", ["tsc", "--skipLibCheck", check, ...strict], folder);
      assert.equal(compiled.code, 0, compiled.out);
    }
  });
}

for (const kind of ["authorize", "ratelimit"]) {
  test(`a scaffolded ${kind} passes its test, and compiles for a strict author`, { timeout: 60_000 }, async () => {
    const made = await run(process.execPath, [meshSdk, "new", `my-${kind}`, "--kind", kind, "--skip-install"], dir);
    assert.equal(made.code, 0, made.out);
    const folder = join(dir, `my-${kind}`);
    // The packages are the same for all kinds, and are there already.
    await symlink(join(dir, "my-sink", "node_modules"), join(folder, "node_modules"));
    const [tests, compiled] = await Promise.all([
      run("npm", ["test"], folder),
      run("npx", ["tsc", "--skipLibCheck", "true", ...strict], folder),
    ]);
    assert.equal(tests.code, 0, tests.out);
    assert.match(tests.out, /pass 2\n/);
    assert.equal(compiled.code, 0, compiled.out);
  });
}

test("what is scaffolded can scaffold", { timeout: 60_000 }, async () => {
  const made = await run("npx", ["mesh-sdk", "new", "child", "--kind", "sink", "--skip-install"], join(dir, "my-sink"));
  assert.equal(made.code, 0, made.out);
  assert.match(await readFile(join(dir, "my-sink", "child", "package.json"), "utf8"), /"mesh-sdk": "file:mesh-sdk-\d/);
});

test("npm run dev joins a mesh, reloads on save, and leaves no process behind", { timeout: 120_000 }, async () => {
  const folder = join(dir, "my-resolver");
  await using mesh = await startMesh();
  const child = start("npm", ["run", "dev"], folder, { MESH_STATE_DIR: mesh.stateDir });
  const said = listen(child);
  await eventually(() => /Ready in the mesh at http/.test(said()));
  const entry = join(folder, "src", "plugin.ts");
  const source = await readFile(entry, "utf8");
  await writeFile(entry, source.replace("yield service", "yield servcie"));
  await eventually(() => /Reloaded plugin\.ts in \d/.test(said()));
  await writeFile(entry, `${source}\nconst broken = ;\n`);
  await eventually(() => /it does not compile: .*\(src\/plugin\.ts:\d+:\d+\)/.test(said()));
  // npm is killed, as by a terminal that closes; everything below it ends, and gives the lease back.
  child.kill("SIGKILL");
  await once(child, "close");
  await eventually(() => /draining/i.test(said()));
});
