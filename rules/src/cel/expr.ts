import type { parse } from "@bufbuild/cel";

/** A parsed expression, or a part of one. */
export type Expr = NonNullable<ReturnType<typeof parse>["expr"]>;

export type ExprOf<Case extends Expr["exprKind"]["case"]> = Extract<Expr["exprKind"], { case: Case }>["value"];

/** "request.method" of a chain of plain names; undefined: something else stands at its beginning. */
export function chainOf(expr: Expr): readonly string[] | undefined {
  const { exprKind } = expr;
  if (exprKind.case === "identExpr") return [exprKind.value.name];
  if (exprKind.case !== "selectExpr" || exprKind.value.operand === undefined || exprKind.value.testOnly)
    return undefined;
  const before = chainOf(exprKind.value.operand);
  return before && [...before, exprKind.value.field];
}

/** Where a chain of names and calls begins. */
export function firstOf(expr: Expr): Expr {
  const { exprKind } = expr;
  const before =
    exprKind.case === "selectExpr"
      ? exprKind.value.operand
      : exprKind.case === "callExpr"
        ? exprKind.value.target
        : undefined;
  return before === undefined ? expr : firstOf(before);
}

/** The text of a literal. */
export function literalText(expr: Expr | undefined): string | undefined {
  const constant = expr?.exprKind.case === "constExpr" ? expr.exprKind.value.constantKind : undefined;
  return constant?.case === "stringValue" ? constant.value : undefined;
}

/** Whether a part is the result so far of the macro around it, as the parser writes macros out. */
export function isAccumulator(expr: Expr | undefined): boolean {
  return expr?.exprKind.case === "identExpr" && expr.exprKind.value.name === "@result";
}
