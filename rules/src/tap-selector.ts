import type { RequestFacts, ResponseFacts } from "@patchbay/model";
import { clip } from "@patchbay/model";
import type { Selector } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { compileExpression, type Expression } from "./expression.ts";
import { compileStatus, type StatusTest } from "./match/status-pattern.ts";
import { isHeaderName, isSecret } from "./secret-headers.ts";

/** What is wrong with a selector, for people. */
export interface SelectorProblem {
  /** As in the proto file: "where", "status". */
  readonly field: string;
  readonly message: string;
  readonly hint: string;
  /** Of the expression, from 1. */
  readonly column?: number;
}

export type SelectorResult =
  | { readonly ok: true; readonly selection: Selection }
  | { readonly ok: false; readonly problem: SelectorProblem };

/** A compiled selector, without its source and target: those choose the proxies. */
export interface Selection {
  /** It cannot be decided before the response. */
  readonly needsResponse: boolean;
  /** It asks for the endpoint, which is not known when a request begins. */
  readonly needsEndpoint: boolean;
  /** All that can be said of a request that has just begun. Throws when the expression cannot be evaluated. */
  begins(request: RequestFacts): boolean;
  /** The rest, for a request for which `begins` has said yes. Throws when the expression cannot be evaluated. */
  ends(request: RequestFacts, response: ResponseFacts): boolean;
}

const MAX_HEADERS = 16;
const MAX_SHOWN = 64;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const ENDPOINT_NAMES = ["target.backend", "target.address", "connection.tls"];
const SERVICE = /^[a-z0-9-]{1,63}\/[a-z0-9._:-]{1,253}$/;

/** Compiles what one tap asks for, once. */
export function compileSelector(selector: Selector): SelectorResult {
  const found = problemOf(selector);
  if (found !== undefined) return { ok: false, problem: found };
  const status = compileStatus(selector.status);
  if (!status.ok) return { ok: false, problem: { field: "status", message: status.message, hint: status.hint } };
  if (selector.when === "") return { ok: true, selection: selectionOf(selector, status.test, undefined) };
  const where = compileExpression(selector.when, "response");
  if (!where.ok) return { ok: false, problem: { field: "where", ...where.problem } };
  return { ok: true, selection: selectionOf(selector, status.test, where.expression) };
}

function selectionOf(selector: Selector, status: StatusTest | undefined, where: Expression | undefined): Selection {
  const { method } = selector;
  const path = pathTest(selector.path);
  const headers = Object.entries(selector.headers);
  const needsEndpoint = where !== undefined && ENDPOINT_NAMES.some((name) => where.names.has(name));
  // The endpoint is known as late as the response.
  const late = where !== undefined && (where.usesResponse || needsEndpoint);
  return {
    needsResponse: status !== undefined || (where?.usesResponse ?? false),
    needsEndpoint,
    begins(request) {
      if (method !== "" && request.method !== method) return false;
      if (path !== undefined && !path(request.path)) return false;
      if (headers.length > 0 && !headers.every(([name, value]) => hasHeader(request.headers, name, value)))
        return false;
      return late || where === undefined || where.matches(request);
    },
    ends(request, response) {
      if (status !== undefined && !status(response.code)) return false;
      return !late || where.matches(request, response);
    },
  };
}

function pathTest(pattern: string): ((path: string) => boolean) | undefined {
  if (pattern === "" || pattern === "*") return undefined;
  if (pattern.endsWith("*")) {
    const start = pattern.slice(0, -1);
    return (path) => path.startsWith(start);
  }
  if (!pattern.startsWith("*")) return (path) => path === pattern;
  const end = pattern.slice(1);
  return (path) => path.endsWith(end);
}

/** Fields of a message may be spelled in any case, and be there more than once. */
function hasHeader(headers: readonly string[], name: string, value: string): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const field = headers[i] ?? "";
    if (field.length !== name.length || field.toLowerCase() !== name) continue;
    if (value === "" || headers[i + 1] === value) return true;
  }
  return false;
}

function problemOf(selector: Selector): SelectorProblem | undefined {
  const { target, source, method, path, sample } = selector;
  for (const [field, value] of [
    ["target", target],
    ["source", source],
  ] as const) {
    if (value === "" || SERVICE.test(value)) continue;
    return { field, message: `${quoted(value)} is not "namespace/name"`, hint: "such as default/users" };
  }
  if (method !== "" && !TOKEN.test(method))
    return { field: "method", message: `${quoted(method)} is not a method`, hint: "such as GET" };
  if (!(sample >= 0 && sample <= 1))
    return { field: "sample", message: `${sample} is not a share`, hint: "above 0 to 1: 0.1 shows one request in ten" };
  return pathProblem(path) ?? headerProblem(selector) ?? shownProblem(selector.showHeaders);
}

function pathProblem(path: string): SelectorProblem | undefined {
  const hint = 'a path such as "/cart", "/cart/*" or "*/info", without the query';
  const problem = (message: string): SelectorProblem => ({
    field: "path",
    message: `${quoted(path)} ${message}`,
    hint,
  });
  if (path === "" || path === "*") return undefined;
  if (path.length > 1_024) return problem("is longer than 1,024 characters");
  if (path.includes("?")) return problem('has a query; ask for it with where: request.query.contains("…")');
  if (/\*/.test(path.slice(1, -1)) || (path.startsWith("*") && path.endsWith("*")))
    return problem('has "*" in more places than its beginning or its end');
  return /^[/*]/.test(path) ? undefined : problem('does not begin with "/"');
}

function headerProblem({ headers }: Selector): SelectorProblem | undefined {
  const field = "headers";
  const entries = Object.entries(headers);
  if (entries.length > MAX_HEADERS)
    return { field, message: `${entries.length} headers are more than ${MAX_HEADERS}`, hint: "use an expression" };
  for (const [name, value] of entries) {
    if (!isHeaderName(name))
      return { field, message: `${quoted(name)} is not a header's name in lower case`, hint: "such as x-tenant" };
    if (value !== "" && isSecret(name))
      return {
        field,
        message: `the value of ${name} is a secret, which nothing is compared with`,
        hint: "leave the value out to ask whether the header is there",
      };
    if (value.length > 1_024) return { field, message: `the value of ${name} is longer than 1,024`, hint: "" };
  }
  return undefined;
}

function shownProblem(names: readonly string[]): SelectorProblem | undefined {
  const field = "show_headers";
  if (names.length > MAX_SHOWN)
    return { field, message: `${names.length} headers are more than ${MAX_SHOWN}`, hint: 'say "*" for all' };
  const odd = names.find((name) => name !== "*" && !isHeaderName(name));
  if (odd === undefined) return undefined;
  return { field, message: `${quoted(odd)} is not a header's name in lower case`, hint: "such as x-tenant" };
}

function quoted(text: string): string {
  return JSON.stringify(clip(text, 60));
}
