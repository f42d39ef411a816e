import { hostname, userInfo } from "node:os";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { DEFAULT_NAMESPACE, serviceKey, tryParseAuthority, whyNoAuthority } from "@patchbay/model";
import {
  type Selector,
  SelectorSchema,
  View,
  type WatchRequest,
  WatchRequestSchema,
} from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { compileSelector, type SelectorProblem } from "@patchbay/rules";
import { CliError, exitCodes } from "../../errors.ts";
import type { OutputOption } from "../../output/output.ts";

export interface TapOptions extends OutputOption {
  readonly method?: string;
  readonly path?: string;
  readonly status?: string;
  readonly from?: string;
  readonly to?: string;
  readonly header?: readonly string[];
  readonly where?: string;
  /** True: all of them. */
  readonly showHeaders?: string | true;
  readonly showQuery?: true;
  readonly view?: keyof typeof VIEWS;
  readonly limit?: number;
  /** Seconds. */
  readonly for?: number;
  readonly sample?: number;
  readonly maxRps?: number;
}

export const VIEWS = { inbound: View.INBOUND, outbound: View.OUTBOUND, both: View.BOTH } as const;

const OPTIONS: Readonly<Record<string, string>> = {
  target: "the service",
  source: "--from",
  headers: "--header",
  show_headers: "--show-headers",
};

/** The request to the tap service. Throws CliError when the selector is invalid. */
export function tapRequest(service: string | undefined, options: TapOptions): WatchRequest {
  const selector = selectorOf(service, options);
  const compiled = compileSelector(selector);
  if (!compiled.ok) throw new CliError(problemText(compiled.problem, selector), exitCodes.usage);
  return create(WatchRequestSchema, {
    selector,
    limit: options.limit ?? 0,
    maxRps: options.maxRps ?? 0,
    client: whoAmI(),
    ...(options.for === undefined ? {} : { duration: durationFromMs(Math.round(options.for * 1_000)) }),
  });
}

function selectorOf(service: string | undefined, options: TapOptions): Selector {
  if (service !== undefined && options.to !== undefined && fullName(service) !== fullName(options.to))
    throw new CliError(`Which one is called, ${service} or ${options.to}? Give one of them.`, exitCodes.usage);
  const { method = "", path = "", status = "", where = "", sample = 0, showQuery = false, view } = options;
  return create(SelectorSchema, {
    target: fullName(service ?? options.to ?? ""),
    source: fullName(options.from ?? ""),
    method: method.toUpperCase(),
    path,
    status,
    headers: Object.fromEntries((options.header ?? []).map(headerOf)),
    when: where,
    sample,
    view: view === undefined ? View.UNSPECIFIED : VIEWS[view],
    showHeaders: shownHeaders(options.showHeaders),
    showQuery,
  });
}

/** "users" is default/users, "users.staging" is staging/users. Throws CliError. */
export function fullName(name: string): string {
  if (name === "" || name.includes("/")) return name;
  const authority = tryParseAuthority(name);
  if (authority === undefined) throw new CliError(`${whyNoAuthority(name)}.`, exitCodes.usage);
  const { service, shortHost } = authority;
  return serviceKey(service ?? { namespace: DEFAULT_NAMESPACE, name: shortHost });
}

function headerOf(text: string): [string, string] {
  const colon = text.indexOf(":");
  const name = (colon < 0 ? text : text.slice(0, colon)).trim().toLowerCase();
  return [name, colon < 0 ? "" : text.slice(colon + 1).trim()];
}

function shownHeaders(names: string | true | undefined): string[] {
  if (names === undefined) return [];
  if (names === true) return ["*"];
  return names
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter(Boolean);
}

/** The expression with a mark under the place, or one line. */
function problemText({ field, message, hint, column }: SelectorProblem, { when: where }: Selector): string {
  const option = OPTIONS[field] ?? `--${field}`;
  const advice = hint === "" ? "" : `\n${hint}`;
  if (column === undefined) return `${option}: ${message}${advice}`;
  const mark = `${" ".repeat(Math.max(0, column - 1))}^`;
  return `${option}: ${message}\n\n  ${where.replace(/\s/g, " ")}\n  ${mark}${advice}`;
}

/** For the audit line. */
function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // Some containers have users without a name.
    return hostname();
  }
}
