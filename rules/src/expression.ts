import { type CelFunc, CelScalar, celEnv, celMethod, isCelError, parse, plan } from "@bufbuild/cel";
import type { RequestFacts, ResponseFacts } from "@patchbay/model";
import { bindingsOf } from "./cel/bindings.ts";
import { LIMITS, tooDeepAt } from "./cel/budget.ts";
import { checkExpression } from "./cel/check.ts";
import { ExpressionProblem } from "./cel/problem.ts";
import { VARIABLES } from "./cel/variables.ts";
import { compilePattern, type Pattern, renewWork } from "./match/pattern.ts";

/** A condition in CEL over the table in docs/expressions.md, checked and bounded in its cost. */
export interface Expression {
  readonly text: string;
  /** It can be decided only once the request has ended. */
  readonly usesResponse: boolean;
  /** Names that it reads, such as "request.path". */
  readonly names: ReadonlySet<string>;
  /** Throws when it cannot be evaluated, such as for a header that is not there. */
  matches(request: RequestFacts, response?: ResponseFacts): boolean;
}

/** Why an expression is refused. */
export interface Problem {
  /** Counts from 1. */
  readonly column: number;
  readonly message: string;
  readonly hint: string;
}

export type Compiled =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly problem: Problem };

const known = new Map<string, Compiled>();
const MAX_KNOWN = 2_000;

/**
 * Scope "request" knows nothing of the response. Expressions hold nothing of the requests that they saw, so equal texts share one:
 * a change of one policy among a thousand does not read the others again.
 */
export function compileExpression(text: string, scope: "request" | "response"): Compiled {
  const key = `${scope} ${text}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const compiled = compileNew(text, scope);
  if (!compiled.ok) return compiled;
  const [oldest] = known.keys();
  if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  known.set(key, compiled);
  return compiled;
}

function compileNew(text: string, scope: "request" | "response"): Compiled {
  const tooLong = new TextEncoder().encode(text).length > LIMITS.textBytes;
  if (tooLong) return refused(1, `is longer than ${LIMITS.textBytes} bytes`, "Split it into several rules.");
  const deep = tooDeepAt(text);
  if (deep !== undefined)
    return refused(deep + 1, `is nested more than ${LIMITS.nesting} deep`, "Split it into several rules.");
  try {
    return compileParsed(text, scope);
  } catch (error) {
    return syntaxProblem(text, error);
  }
}

function compileParsed(text: string, scope: "request" | "response"): Compiled {
  const parsed = parse(text);
  const { expr, sourceInfo } = parsed;
  if (expr === undefined) return refused(1, "is empty", 'Write a condition, as in request.method == "GET".');
  try {
    const names = checkExpression(expr, scope === "response");
    return { ok: true, expression: expressionOf(text, names, plan(environment, parsed)) };
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    const offset = error.part === undefined ? 0 : (sourceInfo?.positions[String(error.part)] ?? 0);
    return refused(beginOf(text, offset) + 1, error.message, error.hint);
  }
}

function expressionOf(text: string, names: ReadonlySet<string>, evaluate: ReturnType<typeof plan>): Expression {
  return {
    text,
    names,
    usesResponse: [...names].some((name) => VARIABLES.get(name)?.ended === true),
    matches(request, response) {
      renewWork();
      const result = evaluate(bindingsOf({ request, response }));
      if (typeof result === "boolean") return result;
      throw isCelError(result) ? result : new Error(`${text} gave neither true nor false`);
    },
  };
}

/** The parser puts a call of a method at its dot; people look for the name. */
function beginOf(text: string, offset: number): number {
  return text[offset] === "." ? offset + 1 : offset;
}

function syntaxProblem(text: string, error: unknown): Compiled {
  if (text.trim() === "") return refused(1, "is empty", 'Write a condition, as in request.method == "GET".');
  const location = (error as { location?: { start?: { offset?: number } } }).location;
  if (location === undefined) return refused(1, "cannot be read", "It is too large or too deep.");
  const offset = location.start?.offset ?? 0;
  return refused(offset + 1, `cannot be read from ${shown(text, offset)} on`, syntaxHint(text, offset));
}

function shown(text: string, offset: number): string {
  const rest = text.slice(offset, offset + 12).trim();
  return rest === "" ? "its end" : JSON.stringify(rest);
}

function syntaxHint(text: string, offset: number): string {
  const rest = text.slice(offset);
  if (/^=[^=]/.test(rest)) return "Write == to compare.";
  if (/^and\b/i.test(rest)) return "Write && for and.";
  if (/^or\b/i.test(rest)) return "Write || for or.";
  if (/^not\b/i.test(rest)) return "Write ! for not.";
  if (/^["']/.test(rest)) return "A quote is not closed.";
  if (/^(&&?|\|\|?|[<>=!]=?|[-+*/%?:])\s*$/.test(rest)) return "Something has to follow.";
  return "See docs/expressions.md for what can be written.";
}

/** Messages that begin with what the whole does get their subject here. */
const OF_THE_WHOLE = /^(?:builds|cannot|compares|gives|has|holds|is|joins|looks) /;

function refused(column: number, message: string, hint: string): Compiled {
  const sentence = OF_THE_WHOLE.test(message) ? `the expression ${message}` : message;
  return { ok: false, problem: { column, message: sentence, hint } };
}

const patterns = new Map<string, Pattern>();
const MAX_PATTERNS = 2_000;

/** Patterns are literals that have been checked, so compiling one again is rare and cheap. */
function knownPattern(source: string): Pattern {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  if (patterns.size >= MAX_PATTERNS) patterns.clear();
  const pattern = compilePattern(source);
  patterns.set(source, pattern);
  return pattern;
}

const { STRING } = CelScalar;
const lowerAscii: CelFunc = celMethod("lowerAscii", STRING, [], STRING, function () {
  return this.replace(/[A-Z]+/g, (part) => part.toLowerCase());
});

const environment = celEnv({ funcs: [lowerAscii], re2: { compile: knownPattern } });
