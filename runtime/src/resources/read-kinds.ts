import { DEFAULT_NAMESPACE, DNS_LABEL_PATTERN, isRecord, suggestion } from "@patchbay/model";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { KIND_NAMES } from "./kinds.ts";
import { type ParsedDocument, type ParsedText, parseText } from "./parse-text.ts";
import { few, type Metadata, type Problem, type Resource, type ResourceKind } from "./resource.ts";

interface ReadResources {
  readonly resources: readonly Resource[];
  readonly problems: readonly Problem[];
}

/** Reads the resources of some kinds out of documents. Others are left alone. */
export type ReadKinds = (documents: readonly ParsedDocument[]) => ReadResources;

export function createKindReader(kinds: readonly ResourceKind[]): ReadKinds {
  const byName = new Map(kinds.map((kind) => [kind.kind, { kind, validate: createValidator(kind) }]));
  return (documents) => {
    const read = documents.map((document) => {
      const known = byName.get(document.kind);
      return known ? readResource(document, known) : NOTHING;
    });
    return { resources: read.flatMap((one) => one.resources), problems: few(read.flatMap((one) => one.problems)) };
  };
}

/** A text's resources of these kinds, and all that is wrong with it. */
export function createParser(kinds: readonly ResourceKind[]): (path: string, text: string) => ReadResources {
  const names = knownNames(kinds);
  const read = createKindReader(kinds);
  return (path, text) => withProblems(parseText(path, text, names), read);
}

/** Problems of the text as such come first. */
export function withProblems({ documents, problems }: ParsedText, read: ReadKinds): ReadResources {
  const { resources, problems: wrong } = read(documents);
  return { resources, problems: [...problems, ...wrong] };
}

export function knownNames(kinds: readonly ResourceKind[]): readonly string[] {
  return [...new Set([...kinds.map(({ kind }) => kind), ...KIND_NAMES])];
}

const NOTHING: ReadResources = { resources: [], problems: [] };

interface KnownKind {
  readonly kind: ResourceKind;
  validate(): ValidateFunction;
}

/** Compiled when the first resource of the kind comes: most folders hold few kinds, and compiling takes its time. */
function createValidator({ schema }: ResourceKind): () => ValidateFunction {
  let compiled: ValidateFunction | undefined;
  return () => {
    compiled ??= new Ajv({ allErrors: true, strict: false, verbose: true }).compile(resourceSchema(schema));
    return compiled;
  };
}

function readResource(document: ParsedDocument, { kind, validate: validator }: KnownKind): ReadResources {
  const { value } = document;
  const problemAt = (path: readonly (string | number)[], message: string, hint: string): Problem => ({
    origin: document.originOf(path),
    kind: kind.kind,
    message,
    hint,
  });
  if (value["apiVersion"] !== kind.apiVersion)
    return onlyProblems([
      problemAt(["apiVersion"], wrongVersion(kind, value["apiVersion"]), `apiVersion: ${kind.apiVersion}`),
    ]);
  const validate = validator();
  if (!validate(value)) return onlyProblems((validate.errors ?? []).map((error) => problemAt(...schemaProblem(error))));
  const resource = toResource(document);
  const wrong = kind.check?.(resource.spec) ?? [];
  if (wrong.length === 0) return { resources: [resource], problems: [] };
  return onlyProblems(wrong.map(({ path, message, hint }) => problemAt(["spec", ...path], message, hint)));
}

function wrongVersion({ kind }: ResourceKind, given: unknown): string {
  if (given === undefined) return `${kind} needs an apiVersion`;
  return `apiVersion ${JSON.stringify(given)} is not that of ${kind}`;
}

function onlyProblems(problems: readonly Problem[]): ReadResources {
  return { resources: [], problems };
}

function schemaProblem(error: ErrorObject): [path: readonly (string | number)[], message: string, hint: string] {
  const path = error.instancePath.split("/").slice(1).map(decodePointer);
  const extra = error.keyword === "additionalProperties" ? String(error.params.additionalProperty) : undefined;
  const name = dotted(path);
  if (extra !== undefined) {
    const known = Object.keys(isRecord(error.parentSchema?.properties) ? error.parentSchema.properties : {});
    return [[...path, extra], `${name === "" ? "" : `${name}: `}unknown field "${extra}"`, suggestion(extra, known)];
  }
  const allowed = error.keyword === "enum" ? `: ${JSON.stringify(error.params.allowedValues)}` : "";
  return [path, `${name === "" ? "resource" : name} ${error.message ?? "is not valid"}${allowed}`, ""];
}

function decodePointer(part: string): string | number {
  const text = part.replaceAll("~1", "/").replaceAll("~0", "~");
  return /^\d+$/.test(text) ? Number(text) : text;
}

function dotted(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${part}`))
    .join("");
}

/** A resource as it may be written, before defaults. */
interface WrittenResource extends Omit<Resource, "origin" | "metadata"> {
  readonly metadata: Partial<Metadata> & Pick<Metadata, "name">;
}

function toResource({ value, originOf }: ParsedDocument): Resource {
  const written: unknown = value;
  const { apiVersion, kind, spec, metadata } = written as WrittenResource; // validated by the schema
  const { name, namespace = DEFAULT_NAMESPACE, labels = {}, creationTimestamp } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
    spec,
    origin: originOf([]),
  };
}

const dnsLabel = { type: "string", pattern: DNS_LABEL_PATTERN };

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
