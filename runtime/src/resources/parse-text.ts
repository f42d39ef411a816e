import { isRecord, suggestion } from "@patchbay/model";
import type { Origin } from "@patchbay/proto/mesh/common/v1/origin_pb";
import { type Document, isNode, isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import { few, fileOrigin, type Problem } from "./resource.ts";
import { findTooMuch } from "./text-limits.ts";

/** One document of a file, of a known kind. */
export interface ParsedDocument {
  readonly kind: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** Of what is at the path, or of the nearest around it that is there. */
  originOf(path: readonly (string | number)[]): Origin;
}

export interface ParsedText {
  readonly documents: readonly ParsedDocument[];
  /** Of the text as such; what is wrong with a resource its kind knows. */
  readonly problems: readonly Problem[];
}

/** Turns one file's text into documents, or says what is wrong and where. `kinds` are the names that there are. */
export function parseText(path: string, text: string, kinds: readonly string[]): ParsedText {
  const tooMuch = findTooMuch(text);
  if (tooMuch) {
    const { line, message, hint } = tooMuch;
    return onlyProblem({ origin: fileOrigin(path, line), kind: "", message, hint });
  }
  const lines = new LineCounter();
  // Repeated keys are looked for here: the library compares each key of a map with all others before it.
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const at = (offset: number): Origin => fileOrigin(path, lines.linePos(offset).line);
  if ("empty" in parsed) return onlySyntax(parsed.errors, at);
  const documents: readonly Document.Parsed[] = parsed;
  const read = documents.map((document) => readDocument(document, { kinds, at, start: fileOrigin(path, 1) }));
  return { documents: read.flatMap((one) => one.documents), problems: few(read.flatMap((one) => one.problems)) };
}

interface Place {
  readonly kinds: readonly string[];
  at(offset: number): Origin;
  readonly start: Origin;
}

function readDocument(document: Document.Parsed, { kinds, at, start }: Place): ParsedText {
  if (document.errors.length > 0) return onlySyntax(document.errors, at);
  if (document.contents === null) return NOTHING;
  const originOf = (path: readonly (string | number)[]): Origin => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return start;
  };
  const wrong = (path: readonly string[], message: string, hint: string): ParsedText =>
    onlyProblem({ origin: originOf(path), kind: "", message, hint });
  const repeated = repeatedKeys(document, at);
  if (repeated.length > 0) return { documents: [], problems: repeated };
  const value = toValue(document);
  if (value instanceof Error) return wrong([], value.message, "write the value out, without an alias");
  // Nothing after a last "---".
  if (value === null) return NOTHING;
  const kind = isRecord(value) ? value["kind"] : undefined;
  if (!isRecord(value) || typeof kind !== "string")
    return wrong([], "a resource needs a kind", `one of ${kinds.join(", ")}`);
  if (!kinds.includes(kind)) return wrong(["kind"], `unknown kind "${kind}"`, suggestion(kind, kinds));
  return { documents: [{ kind, value, originOf }], problems: [] };
}

const NOTHING: ParsedText = { documents: [], problems: [] };

function onlyProblem(problem: Problem): ParsedText {
  return { documents: [], problems: [problem] };
}

function onlySyntax(
  errors: readonly { readonly message: string; readonly pos: readonly [number, number] }[],
  at: Place["at"],
): ParsedText {
  const problems = errors.map(({ message, pos }) => ({
    origin: at(pos[0]),
    kind: "",
    message: message.split("\n")[0] ?? "not YAML",
    hint: "",
  }));
  return { documents: [], problems };
}

/** YAML 1.2.2, section 3.2.1.1: keys of a mapping are unique. */
function repeatedKeys(document: Document.Parsed, at: Place["at"]): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const { value, range } = key;
        if (seen.has(value)) {
          const message = `repeats the key ${JSON.stringify(value)}`;
          problems.push({ origin: at(range?.[0] ?? 0), kind: "", message, hint: "each only once" });
        }
        seen.add(value);
      }
    },
  });
  return problems;
}

/** An alias without its anchor, or aliases of aliases beyond measure, show only now. */
function toValue(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
