import { type Path, problem, type SpecProblem } from "./problem.ts";

/** A field name is a token (RFC 9110 §5.1). */
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/;
/** Printable, without a blank at either end (RFC 9110 §5.5). */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;

/** Headers that frame or route a message, or belong to one connection (RFC 9110 §7.6.1). */
const FRAMING = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Headers that only proxies set: the identity of the caller, and what the proxies did. */
const PROXIES_OWN = /^(?:mesh-|l5d-|x-envoy-|x-forwarded-client-cert$)/;

/** Any name that a header can have. */
export function checkHeaderName(name: string, path: Path): readonly SpecProblem[] {
  if (TOKEN.test(name)) return [];
  const hint = "letters, digits and any of !#$%&'*+-.^_`|~";
  return [problem(path, `${JSON.stringify(name)} cannot be the name of a header`, hint)];
}

/** A name that rules may change. */
export function checkChangedName(name: string, path: Path): readonly SpecProblem[] {
  const lower = name.toLowerCase();
  const impossible = checkHeaderName(name, path);
  if (impossible.length > 0) return impossible;
  if (FRAMING.has(lower))
    return [problem(path, `"${name}" is the proxy's: it frames or leads the message`, "leave it out")];
  if (PROXIES_OWN.test(lower)) return [problem(path, `"${name}" is what proxies tell each other`, "take another name")];
  return [];
}

export function checkHeaderValue(value: string, path: Path): readonly SpecProblem[] {
  if (VALUE.test(value)) return [];
  return [problem(path, "cannot be the value of a header", "printable ASCII, without a blank at either end")];
}
