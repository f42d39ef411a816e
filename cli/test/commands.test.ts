import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createProgram } from "../src/program.ts";
import { meshCommand } from "./support/mesh-command.ts";

const visible = async (): Promise<string[]> => {
  const program = await createProgram();
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => command.name());
};

describe("the command line", () => {
  let stateDir = "";
  let mesh: ReturnType<typeof meshCommand>;

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "patchbay-cli-"));
    mesh = meshCommand(stateDir);
  });
  after(() => rm(stateDir, { recursive: true, force: true }));

  it("explains every command with examples, in 80 columns", async () => {
    for (const command of (await createProgram()).commands) {
      let text = "";
      command.configureOutput({
        writeOut: (part) => {
          text += part;
        },
        getOutHelpWidth: () => 80,
      });
      command.outputHelp();
      assert.match(text, /Examples:/, command.name());
      for (const line of text.split("\n")) assert.ok(line.length <= 80, `${command.name()}: ${line}`);
    }
  });

  it("gives every command that answers a form for scripts", async () => {
    for (const command of (await createProgram()).commands) {
      if (["run", "completion", "demo", "help"].includes(command.name())) continue;
      assert.ok(
        command.options.some((option) => option.long === "--output"),
        command.name(),
      );
    }
  });

  it("that cannot be understood ends with 2, what is wrong, and where help is", async () => {
    for (const args of [["frobnicate"], ["stat", "--window", "soon"], ["stat", "-o", "xml"], ["run"], ["endpoints"]]) {
      const { code, stderr } = await mesh.run(...args);
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, /error: .*help/s);
    }
  });

  it("without a running mesh ends with 3 and says how to start one", async () => {
    for (const args of [["stat"], ["check"], ["plugins"], ["down"], ["explain", "users"], ["run", "--", "true"]]) {
      const { code, stderr } = await mesh.run(...args);
      assert.equal(code, 3, args.join(" "));
      assert.match(stderr, /No mesh is running.*(mesh up|npm start)/s);
    }
  });

  it("completes itself in bash, zsh and fish", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { stdout } = await mesh.run("completion", shell);
      for (const name of (await visible()).filter((each) => each !== "help"))
        assert.ok(stdout.includes(name), `${shell}: ${name}`);
    }
    const { stdout } = await mesh.run("completion", "bash");
    const script = `${stdout}\nCOMP_WORDS=(mesh st); COMP_CWORD=1; _mesh; echo "\${COMPREPLY[@]}"`;
    assert.equal(execFileSync("bash", ["-c", script]).toString(), "stat\n");
  });

  it("cleans only what the mesh made, and asks before it does", async () => {
    const other = join(stateDir, "photos");
    await mkdir(other);
    await writeFile(join(other, "cat.jpg"), "");
    const refused = await meshCommand(other).run("clean", "--yes");
    assert.equal(refused.code, 1);
    assert.deepEqual(await readdir(other), ["cat.jpg"]);

    const own = join(stateDir, "own");
    await mkdir(own, { mode: 0o700 });
    await writeFile(join(own, "format"), "1\n");
    const asked = await meshCommand(own).run("clean");
    assert.match(asked.stderr, /--yes/);
    const cleaned = await meshCommand(own).run("clean", "--yes", "-o", "json");
    assert.deepEqual(JSON.parse(cleaned.stdout), { dir: own, removed: true });
    await assert.rejects(readdir(own));
  });
});
