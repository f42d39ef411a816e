import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkConfig } from "../../src/sources/config-check.ts";

const schema = {
  type: "object",
  properties: { table: { type: "object" }, retries: { type: "integer", default: 3 } },
  required: ["table"],
  additionalProperties: false,
};

describe("the configuration of a plugin", () => {
  it("gets the schema's defaults, and what was given stays as it was", () => {
    const given = { table: {} };
    assert.deepEqual(checkConfig(schema, given), { config: { table: {}, retries: 3 }, problem: "" });
    assert.deepEqual(given, { table: {} });
  });

  it("that is missing is left to the plugin, which may have its own", () => {
    assert.deepEqual(checkConfig(schema, undefined), { config: {}, problem: "" });
  });

  it("that does not fit names the field", () => {
    assert.match(checkConfig(schema, { table: {}, retries: "many" }).problem, /config\.retries must be integer/);
    assert.match(
      checkConfig(schema, { tabel: {} }).problem,
      /config must have required property 'table' \(and 1 more\)/,
    );
  });

  it("is not taken by a plugin without a schema", () => {
    assert.equal(checkConfig(undefined, undefined).problem, "");
    assert.equal(
      checkConfig(undefined, { a: 1 }).problem,
      "it takes no configuration, but spec.config of its MeshPlugin has a",
    );
  });

  it("is checked by the draft that the schema names", () => {
    const old = { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "string" }], type: "array" };
    assert.equal(checkConfig({ ...old, type: "object" }, {}).problem, "");
    const current = { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema };
    assert.equal(checkConfig(current, { table: {} }).problem, "");
  });

  it("whose schema is rubbish or reaches elsewhere is a problem, not a crash", () => {
    assert.match(checkConfig({ type: "banana" }, {}).problem, /schema of its configuration cannot be used/);
    assert.match(
      checkConfig({ $ref: "https://example.com/schema" }, {}).problem,
      /schema of its configuration cannot be used/,
    );
    assert.match(
      checkConfig({ properties: { a: { pattern: "(" } } }, { a: "x" }).problem,
      /schema of its configuration cannot be used/,
    );
  });
});
