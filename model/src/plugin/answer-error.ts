/** A plugin's answer that breaks the contract; the message says how, as the rest of a sentence about the plugin. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}
