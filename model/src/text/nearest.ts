import { editDistance } from "./edit-distance.ts";

/**
 * The known name nearest to a mistyped one, ignoring case; undefined when none is near. Near: at most a third of the given
 * characters differ, or two in short names, since two swapped letters count as two.
 */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  const most = Math.max(given.length > 3 ? 2 : 1, Math.floor(given.length / 3));
  let best: string | undefined;
  let bestDistance = most + 1;
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance >= bestDistance) continue;
    best = name;
    bestDistance = distance;
  }
  return best;
}

/** `did you mean "route"?`, else the known names; "" when there are none. */
export function suggestion(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  return known.length > 0 ? `known: ${known.slice(0, 12).join(", ")}` : "";
}
