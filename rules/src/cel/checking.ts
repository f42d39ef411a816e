import type { Budget } from "./budget.ts";
import type { Expr } from "./expr.ts";

/** What is known while an expression is checked. */
export interface Checking {
  readonly budget: Budget;
  /** Whether the request has ended, so that its response may be named. */
  readonly ended: boolean;
  /** Variables named so far. */
  readonly named: Set<string>;
  /** Variables of macros with their types. */
  readonly locals: ReadonlyMap<string, string>;
  readonly depth: number;
  /** The type of a part, such as "string". Throws ExpressionProblem. */
  typeOf(part: Expr, checking: Checking): string;
}
