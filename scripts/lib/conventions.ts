import { type Expression, type Program, parseSync } from "oxc-parser";
import type { Source } from "./sources.ts";

/** What CONTRIBUTING.md says of constants and doc comments, as far as the syntax shows it: one sentence a break. */
export function conventionBreaks({ path, text }: Source): readonly string[] {
  const { program, comments } = parseSync(path, text);
  const names = program.body.flatMap(constantNames).filter((name) => !/^[A-Z][A-Z0-9_]*$/.test(name));
  const lineComments = comments.filter(({ type }) => type === "Line");
  const isAbove = (end: number, start: number): boolean => end < start && text.slice(end, start).trim() === "";
  const exports = program.body.filter(({ type, start }) => {
    return type === "ExportNamedDeclaration" && lineComments.some(({ end }) => isAbove(end, start));
  });
  return [
    ...names.map((name) => `${path}: "${name}" is a constant: write it in SCREAMING_CASE`),
    ...exports.map(({ start }) => {
      const [line = ""] = text.slice(start).split("\n");
      return `${path}: document an export with /** */ instead of //: ${line}`;
    }),
  ];
}

/** Names that the statement gives to literals, regular expressions, and sets, maps and arrays with content. */
function constantNames(statement: Program["body"][number]): readonly string[] {
  const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
  if (declaration?.type !== "VariableDeclaration" || declaration.kind !== "const") return [];
  return declaration.declarations.flatMap(({ id, init }) => {
    return id.type === "Identifier" && init !== null && isConstant(init) ? [id.name] : [];
  });
}

function isConstant(value: Expression): boolean {
  switch (value.type) {
    case "Literal":
      return true;
    case "TemplateLiteral":
      return value.expressions.length === 0;
    case "UnaryExpression":
      return isConstant(value.argument);
    case "TSAsExpression":
    case "TSSatisfiesExpression":
      return isConstant(value.expression);
    case "BinaryExpression":
      return value.left.type !== "PrivateIdentifier" && isConstant(value.left) && isConstant(value.right);
    case "ArrayExpression":
      return value.elements.length > 0 && value.elements.every(isConstantElement);
    case "NewExpression":
      return value.callee.type === "Identifier" && /^(Set|Map)$/.test(value.callee.name) && value.arguments.length > 0;
    default:
      return false;
  }
}

function isConstantElement(element: { readonly type: string } | null): boolean {
  return element?.type === "Literal";
}
