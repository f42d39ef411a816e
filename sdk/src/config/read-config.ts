import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isRecord } from "@patchbay/model";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { PluginMistake } from "../errors/mistake.ts";
import type { ConfigSchema, StandardIssue, StandardJsonSchema } from "../public/config.ts";

/** Checks configuration for one plugin. */
export interface ConfigReader {
  /** JSON Schema for the registration; undefined when the plugin takes no configuration. */
  readonly schema: JsonObject | undefined;
  /** Checks a value, fills in defaults. Throws a ConfigError that lists every problem. The value is not changed. */
  read(value: unknown): Promise<unknown>;
}

/** The configuration does not fit the schema. The message lists every problem, for the operator. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const DIALECT = "draft-2020-12";

/** Throws a PluginMistake when the schema itself is wrong. */
export function createConfigReader(config: ConfigSchema | undefined, place: string | undefined): ConfigReader {
  if (config === undefined) return { schema: undefined, read: readNone };
  if (!isStandard(config)) return fromJsonSchema(config, place);
  const schema = standardSchema(config, place);
  const { validate } = config["~standard"];
  return validate ? { schema, read: (value) => readStandard(validate, value) } : fromJsonSchema(schema, place);
}

function isStandard(config: ConfigSchema): config is StandardJsonSchema {
  return "~standard" in config;
}

async function readNone(value: unknown): Promise<unknown> {
  if (value === undefined || (isRecord(value) && Object.keys(value).length === 0)) return {};
  throw new ConfigError('the plugin takes no configuration: it has no "config" schema');
}

function standardSchema(config: StandardJsonSchema, place: string | undefined): JsonObject {
  try {
    return toJson(config["~standard"].jsonSchema.input({ target: DIALECT }));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PluginMistake(`"config" cannot be written as JSON Schema: ${why}`, { place, thrown: cause });
  }
}

async function readStandard(
  validate: NonNullable<StandardJsonSchema["~standard"]["validate"]>,
  value: unknown,
): Promise<unknown> {
  const result = await validate(value === undefined ? {} : structuredClone(value));
  if (result.issues === undefined) return result.value;
  throw new ConfigError(result.issues.map(describeIssue).join("; "));
}

function describeIssue({ path = [], message }: StandardIssue): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return `${pathText(keys.join("."))}: ${message}`;
}

function fromJsonSchema(schema: object, place: string | undefined): ConfigReader {
  const plain = toJson(schema);
  const validate = compile(plain, place);
  return { schema: plain, read: (value) => readJson(validate, value) };
}

function compile(schema: JsonObject, place: string | undefined): ValidateFunction {
  try {
    return new Ajv2020({
      allErrors: true,
      useDefaults: true,
      strict: false,
      validateFormats: false,
      logger: false,
    }).compile(schema);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PluginMistake(`"config" is not a JSON Schema: ${why}`, { place, thrown: cause });
  }
}

async function readJson(validate: ValidateFunction, value: unknown): Promise<unknown> {
  const copy: unknown = value === undefined ? {} : structuredClone(value);
  if (validate(copy)) return copy;
  throw new ConfigError((validate.errors ?? []).map(describeError).join("; "));
}

function describeError({ instancePath, message = "is wrong", params }: ErrorObject): string {
  const where = pathText(instancePath.slice(1).replaceAll("/", "."));
  const unknown: unknown = params.additionalProperty;
  const allowed: unknown = params.allowedValues;
  const detail =
    typeof unknown === "string" ? ` ("${unknown}")` : Array.isArray(allowed) ? ` (${allowed.join(", ")})` : "";
  return `${where}: ${message}${detail}`;
}

function pathText(path: string): string {
  return path === "" ? "config" : path;
}

/** A schema without functions and class instances, as it is sent. */
function toJson(schema: object): JsonObject {
  const plain: JsonValue = JSON.parse(JSON.stringify(schema));
  return typeof plain === "object" && plain !== null && !Array.isArray(plain) ? plain : {};
}
