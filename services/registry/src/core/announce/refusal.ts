/** Why a caller does not get what it asked for. */
export type RefusalCode = "invalid" | "denied" | "precondition" | "exhausted" | "aborted" | "late";

/** A refusal that names what is wrong, where, and what to do about it; the API turns it into its own error. */
export class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.name = "Refusal";
    this.code = code;
  }
}
