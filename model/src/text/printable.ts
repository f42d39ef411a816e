/** At most `length` characters; of a longer text the last one is "…". */
export function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/**
 * Text of strangers for a log, an error or a terminal: one line of at most `length` characters. Control characters, which could move
 * the cursor, and invisible ones, which could turn the direction of the text around, become blanks.
 */
export function printable(text: string, length = 80): string {
  return clip(text, length)
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
}

/** The same for values that are shown whole and as they are: what `printable` blanks is written as "\x1b" or "\u202e". */
export function escaped(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
    return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
  });
}
