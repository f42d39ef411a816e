// `npm run check`: everything that reads the code. Prints one line a check, what is wrong, and the mirror of the code.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { brokenMentions, mapDifferences } from "./lib/architecture-map.ts";
import { conventionBreaks } from "./lib/conventions.ts";
import { dependencyBreaks, importCircles } from "./lib/dependency-rule.ts";
import { dialectBreaks } from "./lib/dialects.ts";
import { figures, gateBreaks } from "./lib/figures.ts";
import { protoRegistry } from "./lib/proto-registry.ts";
import { shownCommands, unknownCommands } from "./lib/readme.ts";
import { isTest, projectFiles, root, sources } from "./lib/sources.ts";
import { syntaxFacts } from "./lib/syntax.ts";
import { walkFigures } from "./lib/walks.ts";

const bin = join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
const run = promisify(execFile);

/** Runs a tool; gives what it printed when it failed. */
async function tool(command: string, args: readonly string[], folder = "."): Promise<readonly string[]> {
  try {
    await run(join(bin, command), args, { cwd: join(root, folder), env, maxBuffer: 64 * 1024 * 1024 });
    return [];
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    const printed = `${stdout}${stderr}`.trim();
    return [printed === "" ? String(error) : printed];
  }
}

/** Generating again must change nothing. */
async function generated(folder: string): Promise<readonly string[]> {
  const failed = await tool("buf", ["generate"], folder);
  if (failed.length > 0) return failed;
  const { stdout } = await run("git", ["status", "--porcelain", "--", `${folder}/gen`], { cwd: root });
  return stdout.trim() === "" ? [] : [`generated code was not up to date; commit it:\n${stdout.trim()}`];
}

async function subcommands(args: readonly string[]): Promise<ReadonlySet<string>> {
  const { stdout } = await run(process.execPath, [...args, "--help"], { cwd: root, env });
  const names = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)\b/gm)].map((match) => match[1] ?? "");
  return new Set([...names, "help"]);
}

async function examples(): Promise<readonly string[]> {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const known = {
    mesh: await subcommands(["cli/bin/mesh.mjs"]),
    meshSdk: await subcommands(["sdk/bin/mesh-sdk.mjs"]),
    // "dev" and "test" are also scripts of every scaffolded plugin.
    npm: new Set([...Object.keys(scripts), "dev", "install", "ci"]),
  };
  const documents = projectFiles().filter((path) => /^(README|CONTRIBUTING|docs\/.*)\.?.*md$/.test(path));
  return documents.flatMap((path) =>
    unknownCommands(path, shownCommands(readFileSync(join(root, path), "utf8")), known),
  );
}

const readDocument = (path: string): { path: string; text: string } => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
});

async function dialects(): Promise<readonly string[]> {
  return dialectBreaks(readDocument("docs/dialects.md"), await protoRegistry());
}

function architecture(): readonly string[] {
  const files = projectFiles();
  const documents = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    ...files.filter((path) => path.startsWith("docs/")),
  ];
  return [
    ...mapDifferences(readDocument("ARCHITECTURE.md").text, files),
    ...documents.flatMap((path) => brokenMentions(readDocument(path), files)),
  ];
}

const read = sources();
const facts = read.map(syntaxFacts);
const written = facts.filter(({ path }) => !isTest(path));

const checks: readonly (readonly [string, () => Promise<readonly string[]> | readonly string[]])[] = [
  ["format", () => tool("biome", ["check", "--error-on-warnings", "--max-diagnostics=30", "."])],
  ["lint", () => tool("oxlint", ["--type-aware", "--deny-warnings", "."])],
  ["types", () => tool("tsc", ["--noEmit", "-p", "tsconfig.json"])],
  [
    "protos",
    async () => [...(await tool("buf", ["lint"], "proto")), ...(await tool("buf", ["lint"], "examples/demo"))],
  ],
  ["breaking", () => tool("buf", ["breaking", "--against", "baseline.binpb"], "proto")],
  ["generated", async () => [...(await generated("proto")), ...(await generated("examples/demo"))]],
  ["dependency rule", () => dependencyBreaks(written)],
  ["import circles", () => importCircles(facts)],
  ["gates", () => gateBreaks(written)],
  ["conventions", () => read.filter(({ path }) => !isTest(path)).flatMap(conventionBreaks)],
  ["architecture", architecture],
  ["dialects", dialects],
  ["examples", examples],
];

let failed = 0;
for (const [name, check] of checks) {
  const problems = await check();
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"}  ${name}`);
  for (const problem of problems) console.log(`      ${problem.replaceAll("\n", "\n      ")}`);
  if (problems.length > 0) failed++;
}
console.log(
  `\n${figures(written)}\n${walkFigures(readDocument("ARCHITECTURE.md").text)}\n\n${checks.length - failed} passed, ${failed} failed`,
);
process.exitCode = failed === 0 ? 0 : 1;
