/** Something that cannot be enforced. The message is for people. */
export class RuleError extends Error {
  override readonly name = "RuleError";
}
