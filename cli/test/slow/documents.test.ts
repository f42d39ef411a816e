import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "@patchbay/testkit";
import { blocksOf, collapsed, commandsOf, type ShownCommand, stableLines } from "../support/document-blocks.ts";
import { type Background, runShell, startShell } from "../support/shell.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Commands that go on running, and what they print once they serve. `npm start` runs before the first document is read. */
const STAYING: readonly (readonly [RegExp, RegExp])[] = [
  [/^npm run dev$/, /Ready in the mesh/],
  [/mesh run --service greeter/, /greeter listens/],
];
const RUNNING_ALREADY = /^(git clone |npm start|export OTEL_)/;

/** The program that README puts into the mesh; any will do. */
const SERVER = `import { createServer } from "node:http";
createServer((_, response) => response.end("hello\\n")).listen(7001, "127.0.0.1", () => console.log("greeter listens"));
`;

describe("a reader who types what the documents show", () => {
  let home = "";
  let env: NodeJS.ProcessEnv = {};
  const staying: Background[] = [];

  before(async () => {
    home = mkdtempSync(join(tmpdir(), "patchbay-reader-"));
    const state = join(home, ".local", "state");
    mkdirSync(state, { recursive: true });
    env = { ...process.env, HOME: home, XDG_STATE_HOME: state, npm_config_update_notifier: "false" };
    delete env["MESH_STATE_DIR"];
    writeFileSync(join(home, "server.mjs"), SERVER);
    staying.push(await startShell("npm start", /token=/, { cwd: root, env }));
  });

  after(async () => {
    for (const each of staying.reverse()) await each[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  });

  for (const document of ["README.md", ...globSync("docs/*.md", { cwd: root }).sort()]) {
    it(`sees what ${document} says`, { timeout: 280_000 }, async () => {
      const reader = createReader();
      for (const block of blocksOf(readFileSync(join(root, document), "utf8"))) {
        if (block.language === "yaml") saves(block.text, `${document.replaceAll("/", "-")}-${block.line}.yaml`);
        for (const shown of commandsOf(block)) await reader(shown, `${document}:${shown.line}`);
      }
    });
  }

  /** Into the folder of resources, when it is one: other files, such as Prometheus' configuration, are not for the mesh. */
  function saves(text: string, name: string): void {
    if (!/^kind: /m.test(text)) return;
    writeFileSync(join(home, ".local", "state", "patchbay", "resources", name), text);
  }

  function createReader() {
    let cwd = root;
    return async ({ command, output }: ShownCommand, place: string): Promise<void> => {
      const stays = STAYING.find(([pattern]) => pattern.test(command));
      if (RUNNING_ALREADY.test(command)) return;
      if (command.startsWith("cd ")) cwd = command === "cd .." ? home : join(cwd, command.slice(3));
      else if (command.startsWith("export ")) env = { ...env, ...(await exported(command)) };
      else if (stays)
        staying.push(await startShell(command.replace("server.js", join(home, "server.mjs")), stays[1], { cwd, env }));
      else await sees(command, output, { place, cwd });
    };
  }

  async function exported(command: string): Promise<NodeJS.ProcessEnv> {
    const { stdout } = await runShell(`${command}; printf %s "$PATH"`, { cwd: home, env });
    return { PATH: stdout };
  }

  /** The command works, and its answer has the lines that are the same each time, as soon as there was traffic enough. */
  async function sees(
    command: string,
    output: readonly string[],
    { place, cwd }: { readonly place: string; readonly cwd: string },
  ): Promise<void> {
    await eventually(async () => {
      const { code, stdout, stderr } = await runShell(command, { cwd, env });
      assert.ok(code === 0 || code === 1, `${place}: "${command}" ended with code ${code}: ${stderr}`);
      const lines = new Set(stdout.split("\n").map(collapsed));
      for (const line of stableLines(output)) {
        assert.ok(lines.has(line), `${place}: "${command}" does not print "${line}", but:\n${stdout}${stderr}`);
      }
      return true;
    }, 60_000);
  }
});
