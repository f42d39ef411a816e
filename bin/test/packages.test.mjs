import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ensurePackages } from "../packages.mjs";

const quiet = { step: (_label, work) => work(() => undefined) };

describe("packages", () => {
  let folder = "";
  let root = "";
  let env = {};

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "patchbay-bin-"));
    root = join(folder, "clone");
    mkdirSync(root);
    env = { ...process.env, MESH_STATE_DIR: join(folder, "state") };
    writeFileSync(join(root, "package-lock.json"), lock("1.0.0"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** An npm that notes how it was called and lays down what the lock says. */
  function fakeNpm(body = "") {
    const path = join(folder, "npm");
    const copy = `mkdir -p node_modules/a && touch node_modules/a/package.json && cp package-lock.json node_modules/.package-lock.json`;
    writeFileSync(path, `#!/bin/sh\necho "$@" >> ${join(folder, "calls")}\n${body}\n${copy}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  function calls() {
    const path = join(folder, "calls");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  const ensure = (mode, npm = fakeNpm()) => ensurePackages({ root, mode, progress: quiet, env, npm });

  it("are installed from the lock into an empty clone, and not again", async () => {
    await ensure("runtime");
    await ensure("runtime");
    assert.equal(calls().length, 1);
    assert.match(calls()[0], /^ci --omit=dev /);
  });

  it("for development are added without emptying what runs", async () => {
    writeFileSync(join(root, "package-lock.json"), lock("1.0.0", { dev: true }));
    await ensure("runtime");
    rmSync(join(root, "node_modules", "a"), { recursive: true });
    await ensure("development");
    assert.match(calls()[1], /^install --no-save --include=dev /);
    await ensure("runtime");
    assert.equal(calls().length, 2);
  });

  it("are installed again when the lock changed", async () => {
    await ensure("runtime");
    writeFileSync(join(root, "package-lock.json"), lock("2.0.0"));
    await ensure("runtime");
    assert.equal(calls().length, 2);
  });

  it("that somebody installed by hand are taken as they are", async () => {
    mkdirSync(join(root, "node_modules", "a"), { recursive: true });
    writeFileSync(join(root, "node_modules", "a", "package.json"), "{}");
    writeFileSync(join(root, "node_modules", ".package-lock.json"), lock("1.0.0"));
    await ensure("development");
    assert.deepEqual(calls(), []);
  });

  it("are installed afresh after an install that was interrupted", async () => {
    mkdirSync(join(root, "node_modules", "a"), { recursive: true });
    writeFileSync(join(root, "node_modules", ".package-lock.json"), lock("1.0.0"));
    await ensure("runtime");
    assert.match(calls()[0], /^ci /);
  });

  it("are installed afresh when npm finishes and something is missing all the same", async () => {
    await ensure("runtime");
    writeFileSync(join(root, "package-lock.json"), lock("2.0.0"));
    const npm = fakeNpm('[ "$1" = ci ] || exit 0');
    await ensure("runtime", npm);
    assert.deepEqual(
      calls().map((call) => call.split(" ")[0]),
      ["ci", "install", "ci"],
    );
  });

  it("are installed once by two runs at the same time", async () => {
    const npm = fakeNpm("sleep 0.3");
    await Promise.all([ensure("runtime", npm), ensure("runtime", npm)]);
    assert.equal(calls().length, 1);
  });

  it("that cannot be installed end with npm's last lines and a way on", async () => {
    const npm = fakeNpm("echo npm error E404 no such package >&2; exit 1");
    await assert.rejects(ensure("runtime", npm), (error) => {
      assert.equal(error.name, "SetupError");
      assert.match(error.message, /ended with code 1.*E404 no such package.*by hand in/s);
      return true;
    });
  });
});

function lock(version, entry = {}) {
  return JSON.stringify({ packages: { "": {}, "node_modules/a": { version, ...entry } } });
}
