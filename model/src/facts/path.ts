/** A path in the one form on which rules decide and which is passed on. */
export interface NormalPath {
  /** With its query, to be forwarded. */
  readonly path: string;
  readonly bare: string;
  /** Without "?". */
  readonly query: string;
  /**
   * Servers read it differently: it holds an encoded slash, an encoded or plain backslash, an encoded zero, bytes that no UTF-8 has
   * (C0 and C1, by which old decoders hide dots and slashes), or dots followed by a parameter ("..;", "..%3B").
   */
  readonly ambiguous: boolean;
}

/** Every segment is of characters that need no change and is no dot segment. */
const NORMAL = /^(?:\/(?!\.{1,2}(?:[/;]|$))[\w.~!$&'()*+,;=:@-]+)*\/?$/;
const AMBIGUOUS = /%2F|%5C|%00|%C[01]|(?:^|\/)\.{1,2}(?:;|%3B)/;
/** What RFC 3986 allows in a path as it is (pchar and "/"). */
const PLAIN = /^[\w\-.~!$&'()*+,;=:@/]$/;

/**
 * RFC 3986 §6.2.2: unreserved characters decoded, other escapes in upper case, dot segments removed; besides, what may not stand
 * in a path is encoded and repeated slashes are merged. Idempotent, never throws. "*" (OPTIONS) stays. In the query, only "#"
 * and control characters change.
 */
export function normalizePath(pathWithQuery: string): NormalPath {
  const mark = pathWithQuery.indexOf("?");
  const raw = mark < 0 ? pathWithQuery : pathWithQuery.slice(0, mark);
  const query = mark < 0 ? "" : encodeQuery(pathWithQuery.slice(mark + 1));
  const bare = raw !== "" && NORMAL.test(raw) ? raw : normalizeBare(raw);
  return { path: mark < 0 ? bare : `${bare}?${query}`, bare, query, ambiguous: isAmbiguous(bare) };
}

/** Whether servers read a path that is normal differently. */
export function isAmbiguous(bare: string): boolean {
  return AMBIGUOUS.test(bare);
}

function normalizeBare(raw: string): string {
  if (raw === "*") return raw;
  const encoded = normalizeEscapes(raw.startsWith("/") ? raw : `/${raw}`);
  return removeDots(encoded);
}

/**
 * Each character of a path in its one spelling. Characters up to 255 are bytes of the wire; a rule's author, who may write any
 * character, means its UTF-8 (`unicode`).
 */
export function normalizeEscapes(text: string, unicode = false): string {
  return text.replace(/%[0-9A-Fa-f]{2}|[^\w\-.~!$&'()*+,;=:@/]/gu, (part) => {
    if (part.length === 3 && part.startsWith("%")) {
      const char = String.fromCharCode(Number.parseInt(part.slice(1), 16));
      return /[\w\-.~]/.test(char) ? char : part.toUpperCase();
    }
    return encodeCharacter(part, unicode);
  });
}

function encodeCharacter(char: string, unicode: boolean): string {
  const code = char.charCodeAt(0);
  if (code < 0x80 || (code < 0x100 && !unicode)) return PLAIN.test(char) ? char : percent(code);
  // A lone half of a pair has no UTF-8.
  return encodeURIComponent(char.toWellFormed());
}

function percent(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** RFC 3986 §5.2.4, after merging slashes. */
function removeDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").filter((segment, index, all) => segment !== "" || index === all.length - 1);
  const last = segments.length - 1;
  for (const [index, segment] of segments.entries()) {
    if (segment === "..") kept.pop();
    if (segment !== "." && segment !== "..") kept.push(segment);
    else if (index === last) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/** A folded path by which an exact rule is found: most servers take "/admin/" for "/admin". */
export function foldEnd(folded: string): string {
  return folded.length > 1 && folded.endsWith("/") ? folded.slice(0, -1) : folded;
}

function encodeQuery(query: string): string {
  return query.replace(/[\p{Cc} #]/gu, (char) => percent(char.charCodeAt(0)));
}

/**
 * For comparisons that must not be slipped past: without regard to case, with what may stand in a path unencoded decoded ("%40" is
 * "@"), and without parameters of segments (";v=1"), which some servers take away before they look, with what is left of a segment
 * that was nothing else ("/;v=1/admin" is "/admin").
 */
export function foldPath(normal: string): string {
  const decoded = normal.includes("%")
    ? normal.replace(/%(?:2[14689A-C]|27|3[ABD]|40)/g, (part) =>
        String.fromCharCode(Number.parseInt(part.slice(1), 16)),
      )
    : normal;
  const plain = decoded.includes(";") ? decoded.replace(/;[^/]*/g, "").replace(/\/{2,}/g, "/") : decoded;
  return plain.toLowerCase();
}
