import { nearest } from "@patchbay/model";

/** `Did you mean "resolve"?`, or the list of what there is. */
export function suggestion(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  return near !== undefined ? `Did you mean "${near}"?` : `Known are ${known.join(", ")}.`;
}
