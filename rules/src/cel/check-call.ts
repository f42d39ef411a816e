import { nearest } from "@patchbay/model";
import { compilePattern } from "../match/pattern.ts";
import { RuleError } from "../rule-error.ts";
import type { Checking } from "./checking.ts";
import { type Expr, type ExprOf, isAccumulator, literalText } from "./expr.ts";
import { FUNCTIONS, MACROS, METHODS, OPERATORS, type Signature } from "./functions.ts";
import { checkHeaderName } from "./header-name.ts";
import { ExpressionProblem } from "./problem.ts";
import { comparable, fits, iterated, nameOfType } from "./types.ts";

type Call = ExprOf<"callExpr">;

/** The type that a call or operator gives. */
export function checkCall(expr: Expr, call: Call, checking: Checking): string {
  const subject = call.target === undefined ? [] : [call.target];
  const signatures = signaturesOf(expr, call);
  if (call.function === "matches" || call.function === "duration") checkLiteral(call);
  if (call.function === "matches") checking.budget.pattern(expr.id);
  const types = [...subject, ...call.args].map((arg) => checking.typeOf(arg, checking));
  const special = specialOperator(expr, call, types);
  if (special !== undefined) return special;
  if (call.function === "_+_" && !isAccumulator(call.args[0])) countJoin(expr, types, checking);
  const found = signatures.find(
    ({ args }) => args.length === types.length && args.every((arg, i) => fits(types[i] ?? "", arg)),
  );
  if (found !== undefined) return found.result;
  if (call.function === "_+_" && types.every((type) => type.startsWith("list("))) return types[1] ?? "dyn";
  throw noSignature(expr, call, types);
}

const SPECIAL: ReadonlySet<string> = new Set(["_==_", "_!=_", "@in", "_[_]", "_?_:_"]);

function signaturesOf(expr: Expr, call: Call): readonly Signature[] {
  const { function: name, target } = call;
  if (SPECIAL.has(name)) return [];
  const table = target !== undefined ? METHODS : OPERATORS.has(name) ? OPERATORS : FUNCTIONS;
  const signatures = table.get(name);
  if (signatures !== undefined) return signatures;
  const others = target !== undefined ? FUNCTIONS : METHODS;
  if (others.has(name))
    throw new ExpressionProblem(
      `${name} is used the wrong way round`,
      target ? `Write ${name}(…).` : `Write x.${name}(…).`,
      expr.id,
    );
  const names = [...table.keys(), ...MACROS].filter((known) => /^\w+$/.test(known) && !known.startsWith("_"));
  const near = nearest(name, [...names, ...others.keys()]);
  const hint = near === undefined ? `There are ${names.join(", ")}.` : `Did you mean ${near}?`;
  throw new ExpressionProblem(`there is no function ${name}`, hint, expr.id);
}

/** Operators whose types depend on each other. Undefined: none of them. */
function specialOperator(expr: Expr, call: Call, types: readonly string[]): string | undefined {
  const [first = "", second = "", third = ""] = types;
  switch (call.function) {
    case "_==_":
    case "_!=_":
      if (comparable(first, second)) return "bool";
      throw new ExpressionProblem(
        `compares ${nameOfType(first)} with ${nameOfType(second)}`,
        hintFor(first, second),
        expr.id,
      );
    case "@in": {
      const element = iterated(second);
      checkHeaderName(second, literalText(call.args[0]), expr.id);
      if (element !== undefined && comparable(first, element)) return "bool";
      throw new ExpressionProblem(
        `looks for ${nameOfType(first)} in ${nameOfType(second)}`,
        'in is for lists and maps, as in request.method in ["GET", "HEAD"].',
        expr.id,
      );
    }
    case "_[_]":
      checkHeaderName(first, literalText(call.args[1]), expr.id);
      return indexed(expr, first, second);
    case "_?_:_":
      if (!fits(first, "bool"))
        throw new ExpressionProblem(`? needs true or false before it, not ${nameOfType(first)}`, "", expr.id);
      if (fits(second, third)) return third;
      if (fits(third, second)) return second;
      throw new ExpressionProblem(
        `gives ${nameOfType(second)} or ${nameOfType(third)}`,
        "Both sides of : need one type.",
        expr.id,
      );
    default:
      return undefined;
  }
}

function indexed(expr: Expr, range: string, index: string): string {
  if (range === "dyn") return "dyn";
  if (range.startsWith("map(") && fits(index, "string")) return range.slice(range.indexOf(",") + 2, -1);
  if (range.startsWith("list(") && fits(index, "int")) return iterated(range) ?? "dyn";
  throw new ExpressionProblem(
    `${nameOfType(range)} has no element of ${nameOfType(index)}`,
    'Maps have texts, as in request.headers["accept"], and lists whole numbers.',
    expr.id,
  );
}

/** Patterns and durations are checked when they are loaded, so they have to be written out. */
function checkLiteral(call: Call): void {
  const argument = call.args[0];
  const text = literalText(argument);
  if (argument === undefined) return;
  if (text === undefined) {
    throw new ExpressionProblem(
      `${call.function} needs a text that is written out`,
      'As in request.path.matches("^/v[0-9]+/") or duration("250ms").',
      argument.id,
    );
  }
  if (call.function === "matches") checkPattern(text, argument);
  else if (!/^-?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(text))
    throw new ExpressionProblem(
      `${JSON.stringify(text)} is no duration`,
      'Write a number with ms, s, m or h, as in duration("250ms").',
      argument.id,
    );
}

function checkPattern(text: string, argument: Expr): void {
  try {
    compilePattern(text);
  } catch (error) {
    if (error instanceof RuleError)
      throw new ExpressionProblem(error.message, "RE2 has no look-around and no back references.", argument.id);
    throw error;
  }
}

function countJoin(expr: Expr, types: readonly string[], checking: Checking): void {
  const joins = types.some((type) => type === "string" || type === "dyn" || type.startsWith("list("));
  if (joins) checking.budget.join(expr.id);
}

function noSignature(expr: Expr, { function: name }: Call, types: readonly string[]): ExpressionProblem {
  const operator = name.replaceAll("_", "");
  const what = types.map(nameOfType).join(" and ");
  return new ExpressionProblem(
    `${operator === "" ? name : operator} does not go with ${what === "" ? "nothing" : what}`,
    hintFor(types[0] ?? "", types[1] ?? ""),
    expr.id,
  );
}

/** What people most likely meant. */
function hintFor(first: string, second: string): string {
  const pair = new Set([first, second]);
  if (pair.has("duration")) return 'Write a duration as duration("250ms"), or use response.latency_ms.';
  if (pair.has("string") && (pair.has("int") || pair.has("double"))) return "Texts stand in quotes, numbers do not.";
  if (pair.has("map(string, string)")) return 'Name one header, as in request.headers["accept"].';
  return "docs/expressions.md has the type of each name.";
}
