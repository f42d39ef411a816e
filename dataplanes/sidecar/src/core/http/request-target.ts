/** Where a request line points: RFC 9112 §3.2. */
export interface RequestTarget {
  /** Empty in origin form: the Host field says it. */
  readonly authority: string;
  /** Origin form, or "*". */
  readonly path: string;
}

const ABSOLUTE = /^http:\/\/([^/?#@\s]+)([/?][^#]*)?$/i;

/**
 * Takes the target of a request to a proxy apart: origin form "/a?b", absolute form "http://host/a?b" or "*".
 * Undefined: none of them, names a user, or asks for another scheme (https is asked for by CONNECT).
 */
export function parseRequestTarget(target: string, method: string): RequestTarget | undefined {
  if (target.charCodeAt(0) === 0x2f) return target.includes("#") ? undefined : { authority: "", path: target };
  if (target === "*") return { authority: "", path: "*" };
  const match = ABSOLUTE.exec(target);
  const authority = match?.[1];
  if (authority === undefined) return undefined;
  // OPTIONS for a whole server: the last proxy sends "*" (RFC 9112 §3.2.4).
  const path = match?.[2] ?? (method === "OPTIONS" ? "*" : "/");
  return { authority, path: path.startsWith("?") ? `/${path}` : path };
}
