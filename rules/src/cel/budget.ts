import { ExpressionProblem } from "./problem.ts";

/** What an expression may cost, counted once, when it is loaded. */
export const LIMITS = {
  textBytes: 2_048,
  parts: 200,
  nesting: 16,
  loops: 2,
  joins: 8,
  patternsInLoops: 4,
} as const;

const WHY = "Expressions run for every request, so their cost is bounded. Split it into several policies.";

/** Counts while an expression is checked. */
export interface Budget {
  part(id: bigint, depth: number): void;
  /** Runs `body` as the body of a loop. */
  loop<T>(id: bigint, body: () => T): T;
  /** `+` of texts or lists. */
  join(id: bigint): void;
  /** `matches`. */
  pattern(id: bigint): void;
}

export function createBudget(): Budget {
  let parts = 0;
  let loops = 0;
  let joins = 0;
  let patterns = 0;
  let looping = false;
  return {
    part(id, depth) {
      parts += 1;
      if (parts > LIMITS.parts) throw new ExpressionProblem(`has more than ${LIMITS.parts} parts`, WHY, id);
      if (depth > LIMITS.nesting) throw new ExpressionProblem(`is nested more than ${LIMITS.nesting} deep`, WHY, id);
    },
    loop(id, body) {
      if (looping) throw new ExpressionProblem("has a loop within a loop", WHY, id);
      loops += 1;
      if (loops > LIMITS.loops) throw new ExpressionProblem(`has more than ${LIMITS.loops} loops`, WHY, id);
      looping = true;
      const result = body();
      looping = false;
      return result;
    },
    pattern(id) {
      if (looping) patterns += 1;
      if (patterns > LIMITS.patternsInLoops)
        throw new ExpressionProblem(`has more than ${LIMITS.patternsInLoops} regular expressions in loops`, WHY, id);
    },
    join(id) {
      joins += 1;
      if (looping) throw new ExpressionProblem("joins texts in a loop", WHY, id);
      if (joins > LIMITS.joins) throw new ExpressionProblem(`joins more than ${LIMITS.joins} times`, WHY, id);
    },
  };
}

/** Refuses before parsing what the parser itself would spend too much on. Returns the offset, or undefined when it is fine. */
export function tooDeepAt(text: string): number | undefined {
  let depth = 0;
  let quote = "";
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index] ?? "";
    if (quote !== "") {
      if (char === "\\") index += 1;
      else if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if ("([{?".includes(char)) depth += 1;
    else if (")]}:".includes(char)) depth -= 1;
    if (depth > LIMITS.nesting) return index;
  }
  return undefined;
}
