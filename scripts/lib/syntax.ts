import { type Program, parseSync, Visitor } from "oxc-parser";
import type { Source } from "./sources.ts";

interface FunctionFact {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** What the mirror and the gates want to know of one file. */
export interface SyntaxFacts {
  readonly path: string;
  readonly lines: number;
  /** Functions, methods, and function expressions bound to a name. */
  readonly functions: readonly FunctionFact[];
  readonly anys: readonly number[];
  readonly nonNulls: readonly number[];
  readonly casts: number;
  readonly exports: number;
  readonly documented: number;
  /** Exported declarations without a doc comment, by name. */
  readonly undocumented: readonly string[];
  /** Module specifiers, type-only ones too. */
  readonly imports: readonly string[];
}

export function syntaxFacts({ path, text }: Source): SyntaxFacts {
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const lineOf = createLineOf(text);
  const docEnds = comments.filter(({ type, value }) => type === "Block" && value.startsWith("*")).map(({ end }) => end);
  const isDocumented = (start: number): boolean =>
    docEnds.some((end) => end <= start && text.slice(end, start).trim() === "");
  const exported = exportedDeclarations(program);
  return {
    path,
    lines: text.split("\n").length - 1,
    imports: importSpecifiers(program),
    exports: exported.length,
    documented: exported.filter(({ start }) => isDocumented(start)).length,
    undocumented: exported.filter(({ start }) => !isDocumented(start)).map(({ name }) => name),
    ...visit(program, lineOf),
  };
}

function createLineOf(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

type Visited = Pick<SyntaxFacts, "functions" | "anys" | "nonNulls" | "casts">;

function visit(program: Program, lineOf: (offset: number) => number): Visited {
  const functions: FunctionFact[] = [];
  const anys: number[] = [];
  const nonNulls: number[] = [];
  let casts = 0;
  const add = (name: string, node: { start: number; end: number }): void => {
    const line = lineOf(node.start);
    functions.push({ name, line, lines: lineOf(node.end) - line + 1 });
  };
  new Visitor({
    FunctionDeclaration: (node) => add(node.id?.name ?? "default", node),
    MethodDefinition: (node) => add(keyName(node.key), node.value),
    PropertyDefinition: (node) => {
      if (node.value?.type === "ArrowFunctionExpression") add(keyName(node.key), node.value);
    },
    Property: (node) => {
      if (isFunction(node.value.type)) add(keyName(node.key), node.value);
    },
    VariableDeclarator: (node) => {
      if (node.init && isFunction(node.init.type)) add(keyName(node.id), node.init);
    },
    TSAnyKeyword: (node) => anys.push(lineOf(node.start)),
    TSNonNullExpression: (node) => nonNulls.push(lineOf(node.start)),
    TSAsExpression: (node) => {
      if (!isConst(node.typeAnnotation)) casts++;
    },
  }).visit(program);
  return { functions, anys, nonNulls, casts };
}

function isFunction(type: string): boolean {
  return type === "ArrowFunctionExpression" || type === "FunctionExpression";
}

function keyName(key: object): string {
  return "name" in key ? String(key.name) : "value" in key ? String(key.value) : "?";
}

function isConst(annotation: object): boolean {
  return "typeName" in annotation && keyName(annotation.typeName as object) === "const";
}

function exportedDeclarations(program: Program): readonly { name: string; start: number }[] {
  return program.body.flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration" || !statement.declaration) return [];
    const { declaration } = statement;
    if (declaration.type === "VariableDeclaration") {
      return declaration.declarations.map(({ id }) => ({ name: keyName(id), start: statement.start }));
    }
    return [
      { name: "id" in declaration && declaration.id ? keyName(declaration.id) : "default", start: statement.start },
    ];
  });
}

function importSpecifiers(program: Program): readonly string[] {
  return program.body.flatMap((statement) => {
    if (statement.type === "ImportDeclaration" || statement.type === "ExportAllDeclaration")
      return [statement.source.value];
    return statement.type === "ExportNamedDeclaration" && statement.source ? [statement.source.value] : [];
  });
}
