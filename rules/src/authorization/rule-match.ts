import type { RequestFacts, SourceFacts } from "@patchbay/model";
import type { Operation, Source } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileExpression, type Expression } from "../expression.ts";
import { RuleError } from "../rule-error.ts";
import { anyOf, type Condition } from "./condition.ts";
import { compileOperation, isEmptyOperation } from "./operation-match.ts";
import { compileSource, type Effect } from "./source-match.ts";

/** What authorization rules and rate limits have in common. */
interface RuleParts {
  readonly from: readonly Source[];
  readonly to: readonly Operation[];
  readonly when: string;
}

/** One rule, ready to be asked. */
export interface RuleMatch extends Condition<RequestFacts> {
  /** For an opaque (TCP) connection: by the caller alone. A condition on requests restricts every connection and permits none. */
  holdsForConnection(source: SourceFacts): boolean;
  /** It compares the request's path or query, or the route that is made of its path. */
  readonly usesPath: boolean;
}

/** Throws RuleError. */
export function compileRule(parts: RuleParts, effect: Effect): RuleMatch {
  const from = anyOf(parts.from.map((source) => compileSource(source, effect)));
  const to = anyOf(parts.to.map((operation) => compileOperation(operation, effect)));
  const expression = parts.when === "" ? undefined : expressionOf(parts.when);
  const when = expression && whenHolds(expression, effect);
  const ofHttp = when !== undefined || (to !== undefined && !parts.to.some(isEmptyOperation));
  const names = expression?.names ?? new Set<string>();
  return {
    holds: (facts) =>
      (from === undefined || from.holds(facts.source)) &&
      (to === undefined || to.holds(facts)) &&
      (when === undefined || when.holds(facts)),
    why(facts) {
      if (from !== undefined && !from.holds(facts.source)) return from.why(facts.source);
      if (to !== undefined && !to.holds(facts)) return to.why(facts);
      return when?.why(facts) ?? "";
    },
    holdsForConnection: (source) => (from === undefined || from.holds(source)) && !(ofHttp && effect === "permits"),
    usesPath:
      names.has("request.path") ||
      names.has("request.query") ||
      names.has("request.route") ||
      parts.to.some(({ paths, notPaths }) => paths.length + notPaths.length > 0),
  };
}

function expressionOf(text: string): Expression {
  const compiled = compileExpression(text, "request");
  if (compiled.ok) return compiled.expression;
  const { column, message, hint } = compiled.problem;
  throw new RuleError(`cannot enforce when: ${JSON.stringify(text)}: column ${column}: ${message}. ${hint}`);
}

/** What cannot be evaluated restricts, and does not permit. */
function whenHolds(expression: Expression, effect: Effect): Condition<RequestFacts> {
  return {
    holds(facts) {
      try {
        return expression.matches(facts);
      } catch {
        return effect === "restricts";
      }
    },
    why(facts) {
      try {
        expression.matches(facts);
        return `when is false: ${expression.text}`;
      } catch (error) {
        return `when could not be evaluated (${error instanceof Error ? error.message : String(error)}): ${expression.text}`;
      }
    },
  };
}
