import assert from "node:assert/strict";
import { test } from "node:test";
import * as main from "../src/index.ts";
import * as kit from "../src/test/index.ts";

// What authors' compilers are told (types/*.d.ts, written by hand) is what there is. Checked by the compiler.
const declaredMain: typeof import("../types/index.d.ts") = main;
const declaredKit: typeof import("../types/test.d.ts") = kit;

const allOfMain: Record<keyof typeof main, unknown> = declaredMain;
const allOfKit: Record<keyof typeof kit, unknown> = declaredKit;

test("the declarations that authors see name everything that the package exports", () => {
  assert.ok(Object.keys(allOfMain).length > 10);
  assert.deepEqual(Object.keys(allOfKit).sort(), ["startMesh", "startTest"]);
});

// A literal schema becomes the type of `config`.
main.definePlugin({
  name: "typed",
  config: {
    type: "object",
    properties: {
      table: { type: "object", additionalProperties: { type: "array", items: { type: "string" } } },
      mode: { enum: ["fast", "safe"], default: "safe" },
      limits: {
        type: "object",
        properties: { rps: { type: "integer" }, burst: { type: ["integer", "null"] } },
        required: ["rps"],
      },
      note: { type: "string" },
      anything: { $ref: "#/$defs/x" },
    },
    required: ["table", "limits"],
  },
  hooks: {
    async *resolve({ config }) {
      const hosts: readonly string[] | undefined = config.table.users;
      const mode: "fast" | "safe" = config.mode;
      const rps: number = config.limits.rps;
      const burst: number | null | undefined = config.limits.burst;
      const note: string | undefined = config.note;
      const anything: unknown = config.anything;
      // @ts-expect-error -- not in the schema
      const wrong = config.tabel;
      assert.ok([mode, rps, burst, note, anything, wrong]);
      yield hosts ? main.endpoints(hosts) : main.absent();
    },
  },
});

// The same for a schema library: the type is the one that it infers.
const standard = {
  "~standard": {
    version: 1,
    vendor: "test",
    jsonSchema: { input: () => ({ type: "object" }) },
    validate: (value: unknown) => ({ value: { port: Number(value) } }),
    types: undefined as { readonly input: unknown; readonly output: { readonly port: number } } | undefined,
  },
} as const;
main.definePlugin({
  name: "typed",
  config: standard,
  on: {
    report: (report, { config, attempt }) => {
      const port: number = config.port;
      const retries: number | undefined = report.rows[0]?.retries;
      assert.ok([port, retries, attempt]);
    },
  },
});
