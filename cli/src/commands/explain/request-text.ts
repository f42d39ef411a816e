import { isRecord } from "@patchbay/model";
import { REDACTED } from "@patchbay/rules";
import { CliError, exitCodes } from "../../errors.ts";

/** A request that may never be sent. */
export interface WrittenRequest {
  readonly method: string;
  readonly authority: string;
  /** With its query. */
  readonly path: string;
  /** "web", "web.staging", a SPIFFE ID; empty: a caller without proven identity. */
  readonly source: string;
  readonly headers: Readonly<Record<string, string>>;
}

const FORM = /^(?:([A-Za-z]+)\s+)?(?:http:\/\/)?([^\s/]+)(\/\S*)?(?:\s+from\s+(\S+))?$/;

/**
 * Reads "GET users/cart from web": method, service, path and caller; only the service has no default.
 * Also reads a line of `mesh tap -o json`. Throws CliError.
 */
export function readRequest(text: string, headers: Readonly<Record<string, string>> = {}): WrittenRequest {
  if (text.trimStart().startsWith("{")) return fromTap(text, headers);
  const found = FORM.exec(text.trim());
  if (!found) throw cannotRead(text);
  const [, method = "GET", authority = "", path = "/", source = ""] = found;
  return { method: method.toUpperCase(), authority, path, source, headers };
}

function fromTap(text: string, headers: Readonly<Record<string, string>>): WrittenRequest {
  try {
    const seen: unknown = JSON.parse(text.trim().split("\n")[0] ?? "");
    const request = isRecord(seen) ? seen : {};
    const source = isRecord(request.source) ? request.source : {};
    const authority = textOf(request.authority);
    if (authority === "") throw cannotRead(text);
    return {
      method: textOf(request.method) || "GET",
      authority,
      path: textOf(request.path) || "/",
      source: textOf(source.identity),
      headers: { ...shownHeaders(request), ...headers },
    };
  } catch (error) {
    throw error instanceof CliError ? error : cannotRead(text);
  }
}

/** Those that the tap was allowed to show. A gRPC call is one by its content type, shown or not. */
function shownHeaders({ requestHeaders, protocol }: Record<string, unknown>): Record<string, string> {
  const fields = Array.isArray(requestHeaders) ? requestHeaders.filter(isRecord) : [];
  const shown = fields.map(({ name, value }): [string, string] => [textOf(name), textOf(value)]);
  const known = shown.filter(([name, value]) => name !== "" && value !== REDACTED);
  return { ...(protocol === "grpc" ? { "content-type": "application/grpc" } : {}), ...Object.fromEntries(known) };
}

function cannotRead(text: string): CliError {
  const [first = ""] = text.trim().split("\n");
  return new CliError(
    `"${first.slice(0, 80)}" is no request. Write it like 'GET users/cart from web', or give a line of \`mesh tap -o json\`.`,
    exitCodes.usage,
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
