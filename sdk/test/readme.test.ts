import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDir } from "@patchbay/testkit";
import type { Plugin } from "../src/index.ts";
import { startTest } from "../src/test/index.ts";

const sdk = join(import.meta.dirname, "..");

test("the README's plugin and its test run as they stand there", async () => {
  const readme = readFileSync(join(sdk, "README.md"), "utf8");
  const [plugin, gate, kit] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map((found) => found[1] ?? "");
  assert.ok(plugin && gate && kit);
  await using dir = await temporaryDir();
  const entry = (name: string) => JSON.stringify(pathToFileURL(join(sdk, "src", name)).href);
  const local = (text: string) =>
    text.replaceAll('"mesh-sdk"', entry("index.ts")).replaceAll('"mesh-sdk/test"', entry("test/index.ts"));
  writeFileSync(join(dir.path, "plugin.ts"), local(plugin));
  const imports = `import assert from "node:assert/strict";\nimport { endpoints } from "mesh-sdk";\nimport legacyHosts from "./plugin.ts";\n`;
  writeFileSync(
    join(dir.path, "test.ts"),
    local(`${imports}${kit}\nexport const outcome = await plugin.deliver.report();\n`),
  );
  const { outcome }: { outcome: unknown } = await import(pathToFileURL(join(dir.path, "test.ts")).href);
  assert.deepEqual(outcome, { status: "acked" });
  writeFileSync(join(dir.path, "gate.ts"), local(gate));
  const { default: decides }: { default: Plugin } = await import(pathToFileURL(join(dir.path, "gate.ts")).href);
  await using started = await startTest(decides);
  assert.equal((await started.authorize({ path: "/admin" })).kind, "deny");
  assert.equal((await started.authorize({ headers: { "x-tenant": "acme" } })).kind, "allow");
  assert.equal((await started.ratelimit({ wanted: 10 })).kind, "grant");
});
