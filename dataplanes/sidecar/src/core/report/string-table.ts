/** Texts by number, as a report carries them. Number 0 is the empty text. */
export interface StringTable {
  /** The number of a text, given to it when it is new. */
  index(text: string): number;
  /** All texts in the order of their numbers. */
  list(): string[];
  /** Sum of their lengths in UTF-8. */
  bytes(): number;
}

const encoder = new TextEncoder();

export function createStringTable(): StringTable {
  const numbers = new Map<string, number>([["", 0]]);
  let bytes = 0;
  return {
    index(text) {
      const held = numbers.get(text);
      if (held !== undefined) return held;
      const number = numbers.size;
      numbers.set(text, number);
      bytes += encoder.encode(text).length;
      return number;
    },
    list: () => [...numbers.keys()],
    bytes: () => bytes,
  };
}
