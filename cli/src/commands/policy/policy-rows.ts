import { timestampDate } from "@bufbuild/protobuf/wkt";
import { problemText } from "@patchbay/model";
import type {
  ProxyStatus,
  ResourceProblem,
  ResourceStatus,
  StatusResponse,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { DefaultActionSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { enumName } from "../../output/enum-name.ts";
import { originJson } from "../../output/origin-json.ts";
import { paint } from "../../output/output.ts";
import { type Column, table, wrap } from "../../output/table.ts";

/** No file is wrong, and no proxy refuses what it should run. */
export function isInForce({ problems, proxies }: StatusResponse): boolean {
  return problems.length === 0 && proxies.every(({ rejectionReason: refused }) => refused === "");
}

/** The stable form for scripts. */
export function policyStatusJson(response: StatusResponse): object {
  const { resources, problems, proxies } = response;
  return {
    default: enumName(DefaultActionSchema, response.defaultAction),
    resources: resources.map(({ kind, namespace, name, origin, outdated, workloads, summary, warnings }) => ({
      kind,
      namespace,
      name,
      origin: originJson(origin),
      outdated,
      workloads,
      summary,
      warnings,
    })),
    problems: problems.map(({ origin, kind, message, hint }) => ({ origin: originJson(origin), kind, message, hint })),
    proxies: proxies.map((proxy) => ({
      namespace: proxy.namespace,
      workload: proxy.workload,
      instance: proxy.instance,
      version: proxy.version,
      wanted: proxy.wanted,
      state: stateOf(proxy),
      refused: proxy.rejectionReason,
      acknowledged: proxy.acknowledged && timestampDate(proxy.acknowledged).toISOString(),
    })),
  };
}

function stateOf({ connected, rejectionReason: refused, version, wanted }: ProxyStatus): string {
  if (refused !== "") return "refused";
  if (!connected) return "away";
  return version === wanted ? "in force" : "behind";
}

const resourceColumns: readonly Column[] = [
  { title: "POLICY", flexible: true },
  { title: "WHAT", flexible: true },
  { title: "FOR", flexible: true },
];
/** Where a line has no room for it, WHAT comes below. */
const narrowColumns: readonly Column[] = resourceColumns.filter(({ title }) => title !== "WHAT");
const proxyColumns: readonly Column[] = [{ title: "PROXY", flexible: true }, { title: "VERSION" }, { title: "STATE" }];

export interface StatusView {
  /** Where resources are written. */
  readonly folder: string;
  readonly width: number;
}

function nothing(folder: string): string {
  return `No policies. Write one into ${folder}; docs/resources.md shows how.`;
}

/** Status for people: the default, resources, proxies, and what is wrong. */
export function policyStatusLines(response: StatusResponse, { folder, width }: StatusView): string[] {
  const fallback = enumName(DefaultActionSchema, response.defaultAction);
  return [
    `Requests that no policy is about: ${paint("bold", fallback)} (the mesh's default)`,
    "",
    ...(response.resources.length === 0 ? [nothing(folder)] : resourceLines(response.resources, width)),
    "",
    ...proxyLines(response.proxies, width),
    ...response.problems.flatMap((problem) => problemLines(problem, width)),
  ];
}

function resourceLines(resources: readonly ResourceStatus[], width: number): string[] {
  const rows = resources.map((each) => [nameText(each), whatText(each), each.workloads.join(", ") || "-"]);
  const wide = table({ columns: resourceColumns, rows, width: Number.POSITIVE_INFINITY });
  const narrow = wide.some((line) => line.length > width);
  const [title = "", ...lines] = narrow
    ? table({ columns: narrowColumns, rows: rows.map(([name = "", , whom = ""]) => [name, whom]), width })
    : wide;
  const below = (each: ResourceStatus | undefined): string[] => [
    ...(narrow && each ? wrap(whatText(each), width - 4).map((text) => `    ${text}`) : []),
    ...warningLines(each, width),
  ];
  return [paint("bold", title), ...lines.flatMap((line, index) => [line, ...below(resources[index])])];
}

function nameText({ kind, namespace, name }: ResourceStatus): string {
  return `${kind} ${namespace}/${name}`;
}

function whatText({ summary, outdated }: ResourceStatus): string {
  return outdated ? `${summary} (last good version)` : summary;
}

function warningLines(resource: ResourceStatus | undefined, width: number): string[] {
  const texts = resource?.warnings.flatMap((text) => wrap(text, width - 4)) ?? [];
  return texts.map((text) => paint("warn", `    ${text}`));
}

function proxyLines(proxies: readonly ProxyStatus[], width: number): string[] {
  if (proxies.length === 0) return ["No proxy asks for policies at this moment."];
  const rows = proxies.map((proxy) => [
    `${proxy.namespace}/${proxy.workload}/${proxy.instance}`,
    proxy.version || "none",
    stateText(proxy),
  ]);
  const [title = "", ...lines] = table({ columns: proxyColumns, rows, width });
  const painted = lines.flatMap((line, index) => [line, ...refusalLines(proxies[index], width)]);
  return [paint("bold", title), ...painted];
}

function stateText(proxy: ProxyStatus): string {
  const state = stateOf(proxy);
  return state === "behind" || state === "refused" ? `${state}: wants ${proxy.wanted}` : state;
}

function refusalLines(proxy: ProxyStatus | undefined, width: number): string[] {
  if (!proxy?.rejectionReason) return [];
  return wrap(proxy.rejectionReason, width - 4).map((text) => paint("bad", `    ${text}`));
}

function problemLines(problem: ResourceProblem, width: number): string[] {
  return ["", ...wrap(problemText(problem), width).map((part) => paint("bad", part))];
}
