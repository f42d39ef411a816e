/** Why an expression is refused: where, what, and what to write instead. */
export class ExpressionProblem extends Error {
  override readonly name = "ExpressionProblem";
  /** Id of the part of the expression; undefined: the whole. */
  readonly part: bigint | undefined;
  readonly hint: string;

  constructor(message: string, hint: string, part?: bigint) {
    super(message);
    this.hint = hint;
    this.part = part;
  }
}
