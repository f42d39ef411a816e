import { clip } from "@patchbay/model";

const MAX_LENGTH = 160;

/** One line of a summary. */
export function short(text: string): string {
  return clip(text, MAX_LENGTH);
}

/** "; 2 more rules" */
export function more(count: number, what: string): string {
  if (count <= 0) return "";
  return `; ${count} more ${what}${count === 1 ? "" : "s"}`;
}
