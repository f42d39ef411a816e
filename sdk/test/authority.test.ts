import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AUTHORITY_CASES, FORBIDDEN_ADDRESSES, ODD_AUTHORITY_CASES } from "@patchbay/testkit";
import { type Authority, absent, definePlugin, endpoints, PluginMistake } from "../src/index.ts";
import { startTest } from "../src/test/index.ts";

const NONE = { host: "", full: "", namespace: "", name: "" };

describe("a resolver of the SDK", () => {
  const seen: Authority[] = [];
  const plugin = definePlugin({
    name: "reader",
    version: "1.0.0",
    hooks: {
      async *resolve({ authority }) {
        seen.push(authority);
        yield absent();
      },
    },
  });

  // Single labels of another namespace reach a plugin in full.
  const cases = [...AUTHORITY_CASES, ...ODD_AUTHORITY_CASES].filter(({ namespace }) => namespace === undefined);
  it("sees of every spelling what the mesh makes of it", async () => {
    await using test = await startTest(plugin);
    for (const { text, rule, means } of cases) {
      const asked = test.resolve(text);
      if (means === undefined) {
        await assert.rejects(asked, PluginMistake, `${text} (${rule})`);
        continue;
      }
      await asked;
      const [{ host, full, namespace, name } = NONE] = seen.splice(0);
      const service = namespace === "" ? "" : `${namespace}/${name}`;
      assert.deepEqual({ key: full, short: host, service }, means, `${text} (${rule})`);
      if (means.service === "") assert.equal(name, host);
    }
  });

  it("tells names of the mesh, other names and addresses apart", async () => {
    await using test = await startTest(plugin);
    for (const [text, kind] of [
      ["users", "mesh"],
      ["users.demo.svc", "mesh"],
      ["users.demo", "name"],
      ["example.com", "name"],
      ["10.0.0.1", "ip"],
    ]) {
      await test.resolve(text ?? "");
      assert.equal(seen.splice(0)[0]?.kind, kind, text);
    }
  });

  it("answers no address that the mesh never connects to", () => {
    for (const address of FORBIDDEN_ADDRESSES)
      assert.throws(() => endpoints([{ address, port: 80 }]), PluginMistake, address);
  });
});
