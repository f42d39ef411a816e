import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { noLog } from "@patchbay/wire";
import { createDevelopmentGrants } from "../src/sources/grants.ts";
import { resolver } from "./support/announcements.ts";
import { eventually } from "./support/eventually.ts";

const resource = (kind: string, spec: string) =>
  `apiVersion: patchbay.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: hosts }\nspec: ${spec}\n`;

describe("grants", () => {
  it("change with the files of plugins, and with no other kind in the same folder", async () => {
    const resourcesDir = await mkdtemp(join(tmpdir(), "patchbay-grants-"));
    const grants = createDevelopmentGrants({ resourcesDir, resolveDeadlineMs: 2_000, log: noLog });
    await grants.start();
    const { manifest } = resolver({ manifest: { configSchema: { type: "object" } } });
    const config = () => manifest && grants.grant({ namespace: "default", name: "hosts" }, manifest).grant.config;
    let changes = 0;
    grants.onChange(() => {
      changes += 1;
    });
    await writeFile(join(resourcesDir, "services.yaml"), resource("StaticService", "{ endpoints: [] }"));
    await sleep(200); // a look of its own
    await writeFile(join(resourcesDir, "plugins.yaml"), resource("MeshPlugin", "{ config: { a: 1 } }"));
    await eventually(() => assert.deepEqual(config(), { a: 1 }));
    assert.equal(changes, 1);
    grants.stop();
    await rm(resourcesDir, { recursive: true });
  });
});
