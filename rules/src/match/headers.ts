const maps = new WeakMap<readonly string[], ReadonlyMap<string, string>>();

/**
 * Fields by name in lower case; several values of one name are joined by ", " (RFC 9110 §5.3). Made at most once for each list,
 * so the list may not change afterwards.
 */
export function headerMap(headers: readonly string[]): ReadonlyMap<string, string> {
  const known = maps.get(headers);
  if (known !== undefined) return known;
  const map = new Map<string, string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = (headers[index] ?? "").toLowerCase();
    const value = headers[index + 1] ?? "";
    const before = map.get(name);
    map.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  maps.set(headers, map);
  return map;
}

/** The value of one field, as `headerMap` has it; undefined: it is not there. `name` is in lower case. */
export function headerValue(headers: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const each = headers[index] ?? "";
    if (each.length !== name.length || (each !== name && each.toLowerCase() !== name)) continue;
    const value = headers[index + 1] ?? "";
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}
