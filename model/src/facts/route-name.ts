import { clip } from "../text/printable.ts";

/**
 * Turns a request into the route under which it is counted, such as "GET /users/{id}", so that a path with ids in it does not
 * make a series of its own. A heuristic: a segment is an id when it
 *
 * - is a number, a date or a version of digits alone ("42", "2024-01-05", "1.0.2"),
 * - is a UUID, or at least 8 hexadecimal digits with a decimal one among them,
 * - is longer than 32 characters, or carries "@", "%" or "=" (mail addresses, escaped and encoded text),
 * - mixes letters with four or more digits ("order-1234", "sku99812").
 */
export function routeOf(request: { readonly method: string; readonly path: string; readonly grpc: boolean }): string {
  // A gRPC path is a method's name; it holds no ids.
  if (request.grpc) return clip(pathOnly(request.path), MAX_ROUTE);
  return clip(`${methodOf(request.method)} ${template(pathOnly(request.path))}`, MAX_ROUTE);
}

/** Methods that get a name of their own; a client can invent others without end. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"]);

export function methodOf(method: string): string {
  return METHODS.has(method) ? method : "OTHER";
}

const MAX_SEGMENTS = 6;
const MAX_ROUTE = 200;

function template(path: string): string {
  if (path === "/" || path === "") return "/";
  if (path === "*") return path;
  const segments = path.split("/", MAX_SEGMENTS + 2);
  const kept = segments.slice(1, MAX_SEGMENTS + 1).map((segment) => (isId(segment) ? "{id}" : segment));
  return `/${kept.join("/")}${segments.length > MAX_SEGMENTS + 1 ? "/*" : ""}`;
}

function isId(segment: string): boolean {
  if (segment.length > 32) return true;
  if (/[@%=]/.test(segment)) return true;
  if (!/\d/.test(segment)) return false;
  if (/^[\d.,:_-]+$/.test(segment)) return true;
  if (/^[0-9a-f-]{8,}$/i.test(segment)) return true;
  return (segment.match(/\d/g)?.length ?? 0) >= 4;
}

/** Without query and fragment; of an absolute form, the path. */
function pathOnly(path: string): string {
  const end = path.search(/[?#]/);
  const whole = end < 0 ? path : path.slice(0, end);
  if (whole.startsWith("/")) return whole;
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/]*(.*)$/i.exec(whole);
  return absolute === null ? whole : (absolute[1] ?? "");
}
