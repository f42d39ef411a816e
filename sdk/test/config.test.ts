import assert from "node:assert/strict";
import { test } from "node:test";
import { createConfigReader } from "../src/config/read-config.ts";
import { ConfigError, PluginMistake, type StandardJsonSchema } from "../src/index.ts";

test("defaults are filled in, and what was given is not changed", async () => {
  const reader = createConfigReader(
    { type: "object", properties: { port: { type: "integer", default: 80 } } },
    undefined,
  );
  const given = Object.freeze({});
  assert.deepEqual(await reader.read(given), { port: 80 });
  assert.deepEqual(await reader.read(undefined), { port: 80 });
  assert.deepEqual(given, {});
});

test("every problem is named with its place in the configuration", async () => {
  const reader = createConfigReader(
    {
      type: "object",
      properties: { a: { type: "object", properties: { b: { type: "integer" } } }, mode: { enum: ["x", "y"] } },
      additionalProperties: false,
    },
    undefined,
  );
  await assert.rejects(reader.read({ a: { b: "1" }, mode: "z", extra: 1 }), (error: Error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /a\.b: must be integer/);
    assert.match(error.message, /mode: must be equal to one of the allowed values \(x, y\)/);
    assert.match(error.message, /additional properties \("extra"\)/);
    return true;
  });
});

test("a plugin without a schema takes no configuration, and says so", async () => {
  const reader = createConfigReader(undefined, undefined);
  assert.equal(reader.schema, undefined);
  assert.deepEqual(await reader.read(undefined), {});
  await assert.rejects(reader.read({ a: 1 }), /takes no configuration/);
});

test("a schema that is none is the author's mistake, with the place", () => {
  assert.throws(
    () => createConfigReader({ type: "objekt" }, "src/plugin.ts:3:1"),
    (error) => {
      assert.ok(error instanceof PluginMistake);
      assert.match(error.message, /"config" is not a JSON Schema: .*\(src\/plugin\.ts:3:1\)$/);
      return true;
    },
  );
});

const standard: StandardJsonSchema = {
  "~standard": {
    version: 1,
    vendor: "test",
    jsonSchema: { input: ({ target }) => ({ $comment: target, type: "object" }) },
    validate: async (value) => {
      const port: unknown = typeof value === "object" && value !== null && "port" in value ? value.port : undefined;
      if (typeof port === "string") return { value: { port: Number(port) } };
      return {
        issues: [
          { message: "expected a text", path: [{ key: "port" }] },
          { message: "and more", path: [] },
        ],
      };
    },
  },
};

test("a schema library's own validation is used, and may change the value", async () => {
  const reader = createConfigReader(standard, undefined);
  assert.deepEqual(reader.schema, { $comment: "draft-2020-12", type: "object" });
  assert.deepEqual(await reader.read({ port: "80" }), { port: 80 });
  await assert.rejects(reader.read({}), /^ConfigError: port: expected a text; config: and more$/);
});

test("a schema library without validation is checked by its JSON Schema", async () => {
  const { validate: _validate, ...without } = standard["~standard"];
  const reader = createConfigReader({ "~standard": without }, undefined);
  await assert.rejects(reader.read(7), /must be object/);
});

test("a schema that cannot be written as JSON Schema is the author's mistake", () => {
  const broken = {
    "~standard": {
      ...standard["~standard"],
      jsonSchema: {
        input: () => {
          throw new Error("bigint");
        },
      },
    },
  };
  assert.throws(() => createConfigReader(broken, undefined), /cannot be written as JSON Schema: bigint/);
});
