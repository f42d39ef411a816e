import { editDistance } from "@patchbay/model";

/** "did you mean X?" when one of the names is near enough, else the list of names. */
export function nearest(word: string, names: readonly string[]): string {
  const ranked = names
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best && best.distance <= Math.max(1, Math.floor(word.length / 3))) return `did you mean "${best.name}"?`;
  return names.length > 0 ? `known: ${names.slice(0, 12).join(", ")}` : "";
}
