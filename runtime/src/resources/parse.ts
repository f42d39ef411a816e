import type { Origin } from "@patchbay/proto/mesh/common/v1/origin_pb";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { type Document, isNode, LineCounter, parseAllDocuments } from "yaml";
import { apiVersionOf, apiVersions } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { fileOrigin, type Problem, type Resource } from "./resource.ts";

/** JSON Schema of `spec`, by kind. */
export type Kinds = Readonly<Record<string, object>>;

export interface ParsedFile {
  readonly resources: readonly Resource[];
  readonly problems: readonly Problem[];
}

/** Turns one file's text into resources, or says what is wrong and where. */
export type ParseFile = (file: string, text: string) => ParsedFile;

/** Files larger than this are refused: nobody writes them by hand. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** What is wrong with a spec although it fits its schema. */
export interface SpecProblem {
  /** Within the spec. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

/** Rules that no schema can express, by kind; called with specs that fit the schema. */
export type Checks = Readonly<
  Record<string, (spec: unknown, metadata: Resource["metadata"]) => readonly SpecProblem[]>
>;

export interface ParserOptions {
  readonly kinds: Kinds;
  readonly checks?: Checks;
}

/** Kinds of other readers of the same folder are known, and left alone. */
export function createParser({ kinds, checks = {} }: ParserOptions): ParseFile {
  const validators = createValidators(kinds);
  const names = [...new Set([...Object.keys(kinds), ...apiVersions.keys()])];
  return (file, text) => {
    if (text.length > MAX_FILE_BYTES) {
      return {
        resources: [],
        problems: [{ origin: fileOrigin(file, 0), message: "file is larger than 1 MiB", hint: "split it" }],
      };
    }
    const lines = new LineCounter();
    const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
    if ("empty" in parsed) return onlyProblems(parsed.errors.map((error) => syntaxProblem(file, lines, error)));
    const documents: readonly Document.Parsed[] = parsed;
    const read = documents.map((document) => readDocument({ document, file, lines, validators, names, checks }));
    return { resources: read.flatMap((one) => one.resources), problems: read.flatMap((one) => one.problems) };
  };
}

/** Compiled when the first resource of a kind comes: most folders hold few kinds, and compiling takes its time. */
interface Validators {
  get(kind: string): ValidateFunction | undefined;
}

function createValidators(kinds: Kinds): Validators {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true });
  const compiled = new Map<string, ValidateFunction>();
  return {
    get(kind) {
      const spec = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
      if (!spec) return undefined;
      const validate = compiled.get(kind) ?? ajv.compile(resourceSchema(spec));
      compiled.set(kind, validate);
      return validate;
    },
  };
}

interface Reading {
  readonly document: Document.Parsed;
  readonly file: string;
  readonly lines: LineCounter;
  readonly validators: Validators;
  readonly names: readonly string[];
  readonly checks: Checks;
}

function readDocument(reading: Reading): ParsedFile {
  const { document, file, lines, validators, names } = reading;
  if (document.contents === null) return { resources: [], problems: [] };
  if (document.errors.length > 0)
    return onlyProblems(document.errors.map((error) => syntaxProblem(file, lines, error)));
  const value = toValue(document);
  if (value instanceof Error) {
    return onlyProblems([problemAt(reading, [], value.message, "write the value out, without an alias")]);
  }
  // Nothing after a last "---".
  if (value === null) return { resources: [], problems: [] };
  const { kind, apiVersion } = isRecord(value) ? value : {};
  if (typeof kind !== "string") {
    return onlyProblems([problemAt(reading, [], "a resource needs a kind", `one of ${names.join(", ")}`)]);
  }
  const validate = validators.get(kind);
  if (!validate) {
    if (names.includes(kind)) return { resources: [], problems: [] };
    return onlyProblems([problemAt(reading, ["kind"], `unknown kind "${kind}"`, nearest(kind, names))]);
  }
  const version = apiVersionOf(kind);
  if (apiVersion !== version)
    return onlyProblems([problemAt(reading, ["apiVersion"], ...wrongVersion(kind, apiVersion))]);
  if (!validate(value)) return onlyProblems((validate.errors ?? []).map((error) => schemaProblem(reading, error)));
  const resource = toResource(problemAt(reading, [], "", "").origin, value);
  const wrong = reading.checks[kind]?.(resource.spec, resource.metadata) ?? [];
  if (wrong.length === 0) return { resources: [resource], problems: [] };
  return onlyProblems(wrong.map(({ path, message, hint }) => problemAt(reading, ["spec", ...path], message, hint)));
}

function wrongVersion(kind: string, given: unknown): [message: string, hint: string] {
  const hint = `apiVersion: ${apiVersionOf(kind)}`;
  if (given === undefined) return [`${kind} needs an apiVersion`, hint];
  return [`apiVersion ${JSON.stringify(given)} is not that of ${kind}`, hint];
}

/** An alias without its anchor, or aliases of aliases beyond measure, show only now. */
function toValue(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function onlyProblems(problems: readonly Problem[]): ParsedFile {
  return { resources: [], problems };
}

function syntaxProblem(
  file: string,
  lines: LineCounter,
  error: { message: string; pos: readonly [number, number] },
): Problem {
  const message = error.message.split("\n")[0]?.replace(/ at line.*$/, "") ?? "not YAML";
  return { origin: fileOrigin(file, lines.linePos(error.pos[0]).line), message, hint: "" };
}

function schemaProblem(reading: Reading, error: ErrorObject): Problem {
  const path = error.instancePath.split("/").slice(1).map(decodePointer);
  const extra = error.keyword === "additionalProperties" ? String(error.params.additionalProperty) : undefined;
  const name = dotted(path);
  if (extra !== undefined) {
    const known = Object.keys(isRecord(error.parentSchema?.properties) ? error.parentSchema.properties : {});
    return problemAt(
      reading,
      [...path, extra],
      `${name ? `${name}: ` : ""}unknown field "${extra}"`,
      nearest(extra, known),
    );
  }
  const allowed = error.keyword === "enum" ? `: ${JSON.stringify(error.params.allowedValues)}` : "";
  return problemAt(reading, path, `${name || "resource"} ${error.message ?? "is not valid"}${allowed}`, "");
}

function problemAt(
  { document, file, lines }: Reading,
  path: readonly (string | number)[],
  message: string,
  hint: string,
): Problem {
  for (let depth = path.length; depth >= 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range)
      return { origin: fileOrigin(file, lines.linePos(node.range[0]).line), message, hint };
  }
  return { origin: fileOrigin(file, 1), message, hint };
}

function decodePointer(part: string): string | number {
  const text = part.replaceAll("~1", "/").replaceAll("~0", "~");
  return /^\d+$/.test(text) ? Number(text) : text;
}

function dotted(path: readonly (string | number)[]): string {
  return path.map((part, index) => (typeof part === "number" ? `[${part}]` : `${index ? "." : ""}${part}`)).join("");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A resource as it may be written, before defaults. */
interface WrittenResource extends Omit<Resource, "origin" | "metadata"> {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
  };
}

function toResource(origin: Origin, value: unknown): Resource {
  const resource = value as WrittenResource; // validated by the schema
  const { name, namespace = "default", labels = {}, creationTimestamp } = resource.metadata;
  return {
    apiVersion: resource.apiVersion,
    kind: resource.kind,
    metadata: { name, namespace, labels, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
    spec: resource.spec,
    origin,
  };
}

const dnsLabel = { type: "string", pattern: "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" };

function resourceSchema(spec: object): object {
  const metadata = {
    type: "object",
    properties: {
      name: dnsLabel,
      namespace: dnsLabel,
      labels: { type: "object", additionalProperties: { type: "string" } },
      creationTimestamp: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$" },
      annotations: { type: "object", additionalProperties: { type: "string" } },
    },
    required: ["name"],
    additionalProperties: false,
  };
  return {
    type: "object",
    properties: { apiVersion: { type: "string" }, kind: { type: "string" }, metadata, spec },
    required: ["apiVersion", "kind", "metadata", "spec"],
    additionalProperties: false,
  };
}
