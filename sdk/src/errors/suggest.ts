import { editDistance } from "@patchbay/model";

/** The known name that was most likely meant, at most two edits away; undefined when none is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.min(2, best.name.length - 1) ? best.name : undefined;
}

/** `Did you mean "resolve"?`, or the list of what there is. */
export function suggestion(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  return near ? `Did you mean "${near}"?` : `Known are ${known.join(", ")}.`;
}
