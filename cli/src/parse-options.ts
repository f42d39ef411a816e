import { parseDuration, splitHostPort, whyNoAuthority } from "@patchbay/model";
import type { DefaultAuthorization } from "@patchbay/process";
import { InvalidArgumentError, Option } from "commander";

/** An option's time in seconds. */
export function parseTime(text: string): number {
  const ms = parseDuration(text) ?? 0;
  if (ms > 0) return ms / 1_000;
  throw new InvalidArgumentError(
    "Give a time such as 30s, 5m or 1h30m: whole numbers with h, m, s or ms (1500ms for 1.5s).",
  );
}

/** What happens to requests that no policy is about. */
export interface AuthorizationOption {
  readonly defaultAuthorization?: DefaultAuthorization;
}

export function authorizationOption(): Option {
  return new Option(
    "--default-authorization <which>",
    "what happens to requests that no policy is about (default: allow)",
  )
    .choices(["allow", "deny"])
    .env("MESH_DEFAULT_AUTHORIZATION");
}

/** An authority; of a pasted URL, its host and port. */
export function parseAuthorityText(text: string): string {
  const [, scheme, host] = /^(https?):\/\/([^/?#]+)/i.exec(text) ?? [];
  const authority = host ?? text;
  const why = whyNoAuthority(authority);
  if (why !== undefined) throw new InvalidArgumentError(`${why}.`);
  return scheme?.toLowerCase() === "https" && splitHostPort(authority)?.port === undefined
    ? `${authority.replace(/:$/, "")}:443`
    : authority;
}

/** An option's port; `least` is 0 where any free one may be meant. */
export function parsePort(text: string, least = 1): number {
  const port = Number(text);
  if (text.trim() !== "" && Number.isInteger(port) && port >= least && port <= 65_535) return port;
  throw new InvalidArgumentError(`Give a port from ${least} to 65535.`);
}

/** An option's header "name: value", added to those before. */
export function parseHeader(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value = ""] = /^([!#$%&'*+.^_`|~\w-]+)\s*:\s*(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("Give a header such as 'x-tenant: blue'.");
  return { ...before, [name.toLowerCase()]: value };
}
