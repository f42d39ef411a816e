import { nearest } from "@patchbay/model";
import { createBudget } from "./budget.ts";
import { checkCall } from "./check-call.ts";
import type { Checking } from "./checking.ts";
import { chainOf, type Expr, type ExprOf, firstOf } from "./expr.ts";
import { checkHeaderName } from "./header-name.ts";
import { ExpressionProblem } from "./problem.ts";
import { fits, iterated, nameOfType } from "./types.ts";
import { ROOTS, VARIABLES } from "./variables.ts";

/** Types an expression and bounds its cost. Throws ExpressionProblem. Returns the variables that it names. */
export function checkExpression(expr: Expr, ended: boolean): ReadonlySet<string> {
  const checking: Checking = { budget: createBudget(), ended, named: new Set(), locals: new Map(), depth: 0, typeOf };
  const type = typeOf(expr, checking);
  if (type !== "bool" && type !== "dyn")
    throw new ExpressionProblem(
      `gives ${nameOfType(type)}, not true or false`,
      'Compare it with something, as in request.method == "GET".',
      firstOf(expr).id,
    );
  return checking.named;
}

/** The type of a part, such as "string". */
function typeOf(expr: Expr, around: Checking): string {
  const checking = { ...around, depth: around.depth + 1 };
  checking.budget.part(expr.id, checking.depth);
  const { exprKind } = expr;
  switch (exprKind.case) {
    case "constExpr":
      return typeOfConstant(expr, exprKind.value);
    case "identExpr":
      return typeOfName(expr, [exprKind.value.name], checking);
    case "selectExpr":
      return typeOfField(expr, exprKind.value, checking);
    case "callExpr":
      return checkCall(expr, exprKind.value, checking);
    case "listExpr":
      return typeOfList(exprKind.value.elements, checking);
    case "comprehensionExpr":
      return typeOfLoop(expr, exprKind.value, checking);
    default:
      throw new ExpressionProblem(
        "builds a map or message",
        "Only the values of the table, texts, numbers and lists can be used.",
        expr.id,
      );
  }
}

function typeOfConstant({ id }: Expr, { constantKind }: ExprOf<"constExpr">): string {
  const types: Record<string, string> = {
    boolValue: "bool",
    int64Value: "int",
    doubleValue: "double",
    stringValue: "string",
  };
  const type = types[constantKind.case ?? ""];
  if (type !== undefined) return type;
  const hint =
    constantKind.case === "uint64Value" ? "Write the number without its u." : "Use texts, numbers, true and false.";
  throw new ExpressionProblem("holds a literal of a kind that nothing here has", hint, id);
}

function typeOfField(expr: Expr, select: ExprOf<"selectExpr">, checking: Checking): string {
  const { operand, field, testOnly } = select;
  if (operand === undefined) throw new ExpressionProblem("is not complete", "", expr.id);
  const chain = chainOf(operand);
  const isVariable = chain !== undefined && chain.length === 1 && !checking.locals.has(chain[0] ?? "");
  if (isVariable) {
    if (testOnly)
      throw new ExpressionProblem(
        `${[...chain, field].join(".")} is always there`,
        "has() is for maps, as in has(request.headers.accept).",
        expr.id,
      );
    return typeOfName(expr, [...chain, field], checking);
  }
  const type = typeOf(operand, checking);
  if (!type.startsWith("map(") && type !== "dyn")
    throw new ExpressionProblem(
      `${nameOfType(type)} has no field ${field}`,
      "Only maps have, as in request.headers.accept.",
      expr.id,
    );
  checkHeaderName(type, field, expr.id);
  if (testOnly) return "bool";
  return type === "dyn" ? "dyn" : type.slice(type.indexOf(",") + 2, -1);
}

function typeOfName(expr: Expr, chain: readonly string[], checking: Checking): string {
  const name = chain.join(".");
  const local = checking.locals.get(name);
  if (local !== undefined) return local;
  const variable = VARIABLES.get(name);
  if (variable === undefined) throw unknownName(expr, name);
  if (variable.ended && !checking.ended)
    throw new ExpressionProblem(
      `${name} is not known yet when a request is decided`,
      "Use request.*, source.* and target.* in policies.",
      firstOf(expr).id,
    );
  checking.named.add(name);
  return variable.type;
}

function unknownName(expr: Expr, name: string): ExpressionProblem {
  if (ROOTS.has(name)) {
    const fields = [...VARIABLES.keys()].filter((known) => known.startsWith(`${name}.`));
    return new ExpressionProblem(`${name} is not a value itself`, `It has ${fields.join(", ")}.`, firstOf(expr).id);
  }
  const near = sameField(name) ?? nearest(name, VARIABLES.keys());
  const hint = near === undefined ? `There are ${[...ROOTS].join(", ")}.` : `Did you mean ${near}?`;
  return new ExpressionProblem(`${name} is not known`, hint, firstOf(expr).id);
}

/** "response.code" for "request.code". */
function sameField(name: string): string | undefined {
  const field = name.slice(name.indexOf("."));
  return field.length > 1 ? [...VARIABLES.keys()].find((known) => known.endsWith(field)) : undefined;
}

function typeOfList(elements: readonly Expr[], checking: Checking): string {
  const types = new Set(elements.map((element) => typeOf(element, checking)));
  const [only = "dyn"] = types;
  return `list(${types.size > 1 ? "dyn" : only})`;
}

/** A macro, as the parser writes it out: its variable runs over a list or a map's keys. */
function typeOfLoop(expr: Expr, loop: ExprOf<"comprehensionExpr">, checking: Checking): string {
  const { iterRange, accuInit, loopCondition, loopStep, result, iterVar, accuVar } = loop;
  if (!iterRange || !accuInit || !loopCondition || !loopStep || !result)
    throw new ExpressionProblem("is not complete", "", expr.id);
  if (ROOTS.has(iterVar))
    throw new ExpressionProblem(
      `${iterVar} means something else here already`,
      "Give the variable another name, such as x.",
      expr.id,
    );
  const range = typeOf(iterRange, checking);
  const element = iterated(range);
  return checking.budget.loop(expr.id, () => {
    if (element === undefined)
      throw new ExpressionProblem(
        `${nameOfType(range)} has no elements`,
        "Loops run over lists and the keys of maps.",
        iterRange.id,
      );
    const within = (accumulator: string): Checking => ({
      ...checking,
      locals: new Map([...checking.locals, [iterVar, element], [accuVar, accumulator]]),
    });
    const begin = typeOf(accuInit, checking);
    typeOf(loopCondition, within(begin));
    const step = typeOf(loopStep, within(begin));
    if (!fits(step, begin))
      throw new ExpressionProblem(`the loop needs ${nameOfType(begin)}, not ${nameOfType(step)}`, "", loopStep.id);
    return typeOf(result, within(step));
  });
}
