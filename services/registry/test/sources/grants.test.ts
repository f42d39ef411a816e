import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { hookConcurrency, hookNameOf } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import { ManifestSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { createFileSource } from "@patchbay/runtime";
import { eventually, untilPasses } from "@patchbay/testkit";
import { type Log, noLog, systemClock } from "@patchbay/wire";
import { createDevelopmentGrants } from "../../src/sources/grants.ts";
import { resolver } from "../support/announcements.ts";

const resource = (kind: string, spec: string) =>
  `apiVersion: patchbay.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: hosts }\nspec: ${spec}\n`;

/** Grants from a folder of its own. */
async function fromFolder(files: Readonly<Record<string, string>>, log: Log = noLog) {
  const resourcesDir = await mkdtemp(join(tmpdir(), "patchbay-grants-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(resourcesDir, name), text);
  const resources = createFileSource({ dir: resourcesDir, log: noLog, clock: systemClock });
  const grants = createDevelopmentGrants({ resources, resolveDeadlineMs: 2_000, log });
  await grants.start();
  return {
    grants,
    resources,
    resourcesDir,
    async [Symbol.asyncDispose]() {
      grants.stop();
      await rm(resourcesDir, { recursive: true });
    },
  };
}

const name = { namespace: "default", name: "hosts" };

/** Kind, milliseconds and calls at a time of each hook that a plugin with all of them is granted. */
async function grantedHooks(spec: string) {
  await using folder = await fromFolder({ "plugin.yaml": resource("MeshPlugin", spec) });
  const manifest = create(ManifestSchema, {
    hooks: [
      { kind: { case: "resolve", value: {} } },
      { kind: { case: "authorize", value: {} } },
      { kind: { case: "ratelimit", value: { concurrency: 8 } }, deadline: durationFromMs(1_000) },
    ],
  });
  const { hooks } = folder.grants.grant(name, manifest).grant;
  return hooks.map((hook) => [hookNameOf(hook), hook.deadline && durationMs(hook.deadline), hookConcurrency(hook)]);
}

describe("grants", () => {
  it("change with the files of plugins, and with no other kind in the same folder", async () => {
    await using folder = await fromFolder({});
    const { grants, resourcesDir } = folder;
    const { manifest } = resolver({ manifest: { configSchema: { type: "object" } } });
    const config = () => manifest && grants.grant(name, manifest).grant.config;
    let changes = 0;
    grants.onChange(() => {
      changes += 1;
    });
    await writeFile(join(resourcesDir, "services.yaml"), resource("StaticService", "{ endpoints: [] }"));
    await writeFile(join(resourcesDir, "broken.yaml"), "{");
    // The same look has seen the file before it.
    await eventually(() => folder.resources.problems().length > 0);
    assert.equal(changes, 0);
    await writeFile(join(resourcesDir, "plugins.yaml"), resource("MeshPlugin", "{ config: { a: 1 } }"));
    await untilPasses(() => assert.deepEqual(config(), { a: 1 }));
    assert.equal(changes, 1);
  });

  it("give hooks that requests wait for 200 ms and 64 calls at a time, unless they ask for something else", async () => {
    assert.deepEqual(await grantedHooks("{}"), [
      ["resolve", 2_000, 0],
      ["authorize", 200, 64],
      ["ratelimit", 1_000, 8],
    ]);
  });

  it("give no hook more than its MeshPlugin lets it have, and no more than it asks for", async () => {
    const spec = `{ hooks: { resolve: { deadline: 1s }, authorize: { deadline: 50ms, concurrency: 4 }, ratelimit: { deadline: 5s, concurrency: 1024 } } }`;
    assert.deepEqual(await grantedHooks(spec), [
      ["resolve", 1_000, 0],
      ["authorize", 50, 4],
      ["ratelimit", 1_000, 8],
    ]);
  });

  it("give resolvers that do not say so a place in the chain, and let the chain go on when they fail", async () => {
    await using folder = await fromFolder({});
    const manifest = create(ManifestSchema, { hooks: [{ kind: { case: "resolve", value: {} } }] });
    const { kind } = folder.grants.grant(name, manifest).grant.hooks[0] ?? assert.fail();
    assert.ok(kind.case === "resolve");
    assert.deepEqual([kind.value.failurePolicy, kind.value.order], [FailurePolicy.OPEN, 500]);
  });

  it("with only bounds leave the configuration to the plugin", async () => {
    await using folder = await fromFolder({ "p.yaml": resource("MeshPlugin", "{ hooks: { authorize: {} } }") });
    const manifest = create(ManifestSchema, { configSchema: { type: "object", required: ["to"] } });
    assert.equal(folder.grants.grant(name, manifest).configProblem, "");
  });

  for (const [what, spec, problem] of [
    ["of no time", "{ hooks: { authorize: { deadline: 0s } } }", /0s is not more than 0 s and at most 5 s/],
    ["of 6 s for a request", "{ hooks: { ratelimit: { deadline: 6s } } }", /6s is not more than 0 s and at most 5 s/],
    ["without a unit", '{ hooks: { authorize: { deadline: "100" } } }', /deadline/],
    ["of 1,025 calls", "{ hooks: { authorize: { concurrency: 1025 } } }", /concurrency/],
    ["of a resolver's calls", "{ hooks: { resolve: { concurrency: 3 } } }", /concurrency/],
    ["of a hook that there is not", "{ hooks: { resolv: {} } }", /resolv/],
  ] as const) {
    it(`say what is wrong with a bound ${what}, and take nothing of it`, async () => {
      const lines: string[] = [];
      const log = { ...noLog, warn: (_fields: unknown, message: string) => void lines.push(message) };
      await using _folder = await fromFolder({ "plugin.yaml": resource("MeshPlugin", spec) }, log);
      assert.match(lines.join("\n"), problem);
    });
  }
});
