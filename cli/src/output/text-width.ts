import stringWidth from "string-width";

const ASCII = /^[\x20-\x7e]*$/;

/** Columns that a terminal takes for a text: two for Chinese, Japanese, Korean and most emoji, none for what combines. */
export function textWidth(text: string): number {
  return ASCII.test(text) ? text.length : stringWidth(text);
}

/** A text with blanks behind it, `width` columns at least. */
export function padText(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** Shortens a text to `width` columns; the middle is what a name can spare. */
export function shorten(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 1) return "…".slice(0, width);
  const head = Math.ceil((width - 1) / 2);
  const parts = charactersOf(text);
  const first = fitting(parts, head);
  const last = fitting(parts.toReversed(), width - 1 - head);
  return `${first.join("")}…${last.toReversed().join("")}`;
}

/** What a reader takes for one character each. The segmenter costs 7 ms, which most commands need not spend. */
function charactersOf(text: string): readonly string[] {
  if (ASCII.test(text)) return text.split("");
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)].map(({ segment }) => segment);
}

/** The first of these that fit into `width`; none is cut in two. */
function fitting(parts: readonly string[], width: number): readonly string[] {
  let taken = 0;
  let count = 0;
  for (const part of parts) {
    taken += textWidth(part);
    if (taken > width) break;
    count += 1;
  }
  return parts.slice(0, count);
}
