import type { JsonObject } from "@bufbuild/protobuf";
import { errorMessage } from "@patchbay/model";
import { Ajv, type AnySchema, type ErrorObject } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";

export interface CheckedConfig {
  /** With the schema's defaults filled in. */
  readonly config: JsonObject;
  /** What does not fit; empty when all does. */
  readonly problem: string;
}

const options = { allErrors: true, strict: false, useDefaults: true, validateFormats: false, logger: false } as const;

/**
 * Checks a configuration against the schema of the plugin's manifest. The given one is not changed. Without one there is nothing to
 * check: the plugin may have its own for that case, and says itself when it has not.
 */
export function checkConfig(schema: JsonObject | undefined, given: JsonObject | undefined): CheckedConfig {
  if (!given) return { config: {}, problem: "" };
  const config = structuredClone(given);
  if (!schema) {
    const names = Object.keys(config).join(", ");
    return {
      config,
      problem: names ? `it takes no configuration, but spec.config of its MeshPlugin has ${names}` : "",
    };
  }
  try {
    const validate = compile(schema);
    if (validate(config)) return { config, problem: "" };
    return { config, problem: `spec.config of its MeshPlugin does not fit: ${describe(validate.errors ?? [])}` };
  } catch (error) {
    return { config, problem: `the schema of its configuration cannot be used: ${errorMessage(error)}` };
  }
}

/** Drafts differ in few words; which one is meant is in $schema, and without it the newest is. */
function compile(schema: JsonObject) {
  const { $schema: draft, ...rest } = schema;
  const old = typeof draft === "string" && draft.includes("draft-0");
  const ajv = old ? new Ajv(options) : new Ajv2020(options);
  const body: AnySchema = rest;
  return ajv.compile(body);
}

function describe(errors: readonly ErrorObject[]): string {
  const [first, ...more] = errors;
  if (!first) return "it is not valid";
  const path = ["config", ...first.instancePath.split("/").slice(1)].join(".");
  return `${path} ${first.message ?? "is not valid"}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
}
