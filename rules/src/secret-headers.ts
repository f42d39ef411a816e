/** Credentials: redacted in taps, and neither compared nor logged. */
export const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "proxy-authorization",
]);

/** In place of a secret. */
export const REDACTED = "<redacted>";

/** Of all names, those in which a letter of a secret's name and its length agree: most fields need no more than this. */
const LENGTHS: ReadonlySet<number> = new Set([...SECRET_HEADERS].map((name) => name.length));

/** Whether a field, in any spelling, holds a secret; "x_api_key" does for programs behind CGI or WSGI. */
export function isSecret(name: string): boolean {
  return LENGTHS.has(name.length) && SECRET_HEADERS.has(name.toLowerCase().replaceAll("_", "-"));
}

/** The fields (name, value, name, value …) with secrets replaced; the same list when there are none. */
export function redacted(headers: readonly string[]): readonly string[] {
  let copy: string[] | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isSecret(headers[i] ?? "")) continue;
    copy ??= [...headers];
    copy[i + 1] = REDACTED;
  }
  return copy ?? headers;
}

/** RFC 9110 §5.6.2, in lower case as HTTP/2 has it. */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(name);
}
