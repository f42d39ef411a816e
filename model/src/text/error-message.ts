import { inspect } from "node:util";

/** One line that says what went wrong, for any thrown value. Never empty. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0) {
    return errorMessage(error.errors[0]);
  }
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return typeof error === "string" && error !== "" ? error : `unknown error (${describe(error)})`;
}

/** Anything may be thrown, also what cannot be turned into a string. */
function describe(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY }).replaceAll("\n", " ");
}
