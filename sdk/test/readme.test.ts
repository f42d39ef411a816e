import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDir } from "@patchbay/wire/testing";

const sdk = join(import.meta.dirname, "..");

test("the README's plugin and its test run as they stand there", async () => {
  const readme = readFileSync(join(sdk, "README.md"), "utf8");
  const [plugin, kit] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map((found) => found[1] ?? "");
  assert.ok(plugin && kit);
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
});
