import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { temporaryDir } from "@patchbay/testkit";
import { importsOf, toJavaScript } from "../src/pack/javascript.ts";
import { buildPackageFiles } from "../src/pack/package-files.ts";
import { sdkTarball } from "../src/pack/sdk-tarball.ts";
import { tarball } from "../src/pack/tar.ts";

const clone = join(import.meta.dirname, "..", "..");
const text = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString();

test("an archive holds the files as they are, and the same files give the same bytes", async () => {
  const long = `${"folder/".repeat(20)}${"name".repeat(20)}.js`;
  const files = [
    { path: "b/run.mjs", data: Buffer.from("#!/usr/bin/env node\n"), executable: true },
    { path: "a.txt", data: Buffer.from("a".repeat(512)) },
    { path: long, data: Buffer.from("long") },
  ];
  const packed = tarball(files);
  assert.deepEqual(packed, tarball(files.toReversed()));
  assert.equal(gunzipSync(packed).length % 512, 0);
  const dir = await temporaryDir();
  try {
    const path = join(dir.path, "x.tgz");
    writeFileSync(path, packed);
    const { stdout, status } = spawnSync("tar", ["tzvf", path], { encoding: "utf8" });
    assert.equal(status, 0);
    assert.match(stdout, /-rwxr-xr-x .* b\/run\.mjs/);
    assert.ok(stdout.includes(long));
    spawnSync("tar", ["xzf", path, "-C", dir.path]);
    assert.equal(readFileSync(join(dir.path, "a.txt"), "utf8"), "a".repeat(512));
  } finally {
    await dir[Symbol.asyncDispose]();
  }
});

test("a path that the format cannot hold is refused", () => {
  assert.throws(() => tarball([{ path: "x".repeat(101), data: new Uint8Array() }]), /too long for an archive/);
});

test("types are erased, lines stay, and imports point into the package", () => {
  const source = 'import type { A } from "./a.ts";\nimport { b } from "@patchbay/wire";\nexport const c: A = b as A;\n';
  const file = { target: "dist/x/y", text: source };
  const js = toJavaScript(file, (specifier) => (specifier === "@patchbay/wire" ? "dist/_wire/index" : undefined));
  assert.equal(js.split("\n").length, source.split("\n").length);
  assert.match(js, /import \{ b \} from "\.\.\/_wire\/index\.js";/);
  assert.doesNotMatch(js, /import type|as A/);
  assert.deepEqual(importsOf('export * from "a";\nconst x = await import("b");\nimport "c";'), ["a", "b", "c"]);
});

test("the package needs nothing of the workspace, and every import leads to a file or a dependency", () => {
  const files = new Map(buildPackageFiles(clone).map((file) => [file.path, text(file.data)]));
  const manifest = JSON.parse(files.get("package.json") ?? "{}");
  assert.equal(manifest.private, undefined);
  assert.ok(Object.keys(manifest.dependencies).every((name) => !name.startsWith("@patchbay/")));
  assert.ok(
    Object.values(manifest.dependencies).every((version) => /^\d/.test(String(version))),
    "exact versions",
  );
  for (const [path, content] of files) {
    if (!/^(dist|types)\//.test(path)) continue;
    assert.doesNotMatch(content, /from "@patchbay/, path);
    for (const specifier of importsOf(content)) {
      if (specifier.startsWith(".")) {
        const target = join(path, "..", specifier);
        assert.ok(files.has(target) || files.has(target.replace(/\.js$/, ".d.ts")), `${path} imports ${specifier}`);
      } else if (!specifier.startsWith("node:")) {
        const name = specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/");
        assert.ok(name in manifest.dependencies, `${path} imports ${specifier}`);
      }
    }
  }
  for (const path of [
    "types/index.d.ts",
    "types/test.d.ts",
    "templates/resolver/src/plugin.ts",
    "bin/mesh-sdk.mjs",
    "LICENSE",
  ]) {
    assert.ok(files.has(path), path);
  }
});

test("the tarball is built once and kept for the same sources", async () => {
  await using dir = await temporaryDir();
  mkdirSync(join(dir.path, "mesh-sdk"), { recursive: true });
  writeFileSync(join(dir.path, "mesh-sdk", "old.tgz"), "old");
  const first = sdkTarball(dir.path);
  const { readdirSync } = await import("node:fs");
  const kept = readdirSync(join(dir.path, "mesh-sdk"));
  assert.equal(kept.length, 1, "older ones go");
  writeFileSync(join(dir.path, "mesh-sdk", kept[0] ?? ""), "kept");
  assert.equal(text(sdkTarball(dir.path)), "kept");
  assert.ok(first.length < 300_000);
});
