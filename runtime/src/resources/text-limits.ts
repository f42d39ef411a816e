import { CST, Lexer } from "yaml";

/** Files larger than this are refused unread: no hand-written file is. */
export const MAX_FILE_BYTES = 1024 * 1024;

/**
 * What one file may hold. Ten thousand endpoints, each with address, port, weight and zone, fit; nesting ten times
 * deeper than that of any kind, or a bomb of aliases, does not.
 */
const MAX = { documents: 1_000, keys: 50_000, depth: 64, aliases: 64 };

interface TooMuch {
  /** Where the limit is passed; counts from 1. */
  readonly line: number;
  readonly message: string;
  readonly hint: string;
}

/**
 * Whether a text would cost too much to parse, by its tokens alone: they come one by one in time linear in the text, while to
 * compose nodes recurses, and to resolve aliases multiplies. Stops where a limit is passed.
 */
export function findTooMuch(text: string): TooMuch | undefined {
  const found = { documents: 0, keys: 0, aliases: 0 };
  const nesting = createNesting();
  let line = 1;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    const type = isScalar ? "scalar" : CST.tokenType(token);
    isScalar = !isScalar && token === CST.SCALAR;
    if (isScalar) continue;
    if (type === "doc-start") found.documents += 1;
    else if (type === "map-value-ind") found.keys += 1;
    else if (type === "alias") found.aliases += 1;
    nesting.take(type, token);
    const passed = whichIsPassed({ ...found, depth: nesting.depth() });
    if (passed) return { line, ...passed };
    line += countLines(token);
  }
  return undefined;
}

function whichIsPassed(found: Readonly<typeof MAX>): Omit<TooMuch, "line"> | undefined {
  if (found.documents > MAX.documents)
    return { message: `holds more than ${MAX.documents} documents`, hint: "split it" };
  if (found.keys > MAX.keys) return { message: `holds more than ${MAX.keys} keys`, hint: "split it" };
  if (found.depth > MAX.depth) return { message: `nests deeper than ${MAX.depth} levels`, hint: "no kind needs that" };
  if (found.aliases > MAX.aliases)
    return { message: `holds more than ${MAX.aliases} aliases`, hint: "write the values out" };
  return undefined;
}

interface Nesting {
  take(type: CST.TokenType | "scalar" | null, token: string): void;
  depth(): number;
}

/**
 * Levels of nesting at a token: brackets that are open, and columns at which block collections have begun (two levels at most
 * begin at one column: a list may stand where its key does).
 */
function createNesting(): Nesting {
  const columns: number[] = [];
  let brackets = 0;
  let column = 0;
  let begins = true;
  const begin = (): void => {
    while ((columns.at(-1) ?? -1) > column) columns.pop();
    if ((columns.at(-1) ?? -1) < column) columns.push(column);
  };
  return {
    take(type, token) {
      const isBlank = type === "space" || type === "newline" || type === "comment";
      if (begins && !isBlank && brackets === 0 && token.length > 0) {
        begin();
        begins = false;
      }
      if (type === "flow-seq-start" || type === "flow-map-start") brackets += 1;
      if (type === "flow-seq-end" || type === "flow-map-end") brackets = Math.max(0, brackets - 1);
      const end = token.lastIndexOf("\n");
      if (end >= 0 || type === "seq-item-ind" || type === "explicit-key-ind") begins = true;
      if (!isControl(token)) column = end < 0 ? column + token.length : token.length - end - 1;
    },
    depth: () => columns.length + brackets,
  };
}

/** The lexer's own marks take no room in the text. */
function isControl(token: string): boolean {
  return token === CST.DOCUMENT || token === CST.FLOW_END || token === CST.SCALAR;
}

function countLines(token: string): number {
  let count = 0;
  for (let at = token.indexOf("\n"); at >= 0; at = token.indexOf("\n", at + 1)) count += 1;
  return count;
}
