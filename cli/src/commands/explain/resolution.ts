import { identityOf, joinHostPort } from "@patchbay/model";
import {
  type Endpoint,
  Outcome,
  OutcomeSchema,
  Protocol,
  ProtocolSchema,
} from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { Branch, ResolveResponse } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { enumName } from "../../output/enum-name.ts";
import { paint } from "../../output/output.ts";
import { type Column, table } from "../../output/table.ts";

/** The stable form of an answer, for scripts. */
export function resolutionJson(response: ResolveResponse): object {
  const { authority, version, incomplete } = response;
  return { authority, version, incomplete, branches: response.branches.map(branchJson) };
}

function branchJson(branch: Branch): object {
  const { weight, authority, resolver, reason, stale } = branch;
  const outcome = enumName(OutcomeSchema, branch.outcome);
  return { weight, authority, outcome, resolver, reason, stale, endpoints: branch.endpoints.map(endpointJson) };
}

function endpointJson(endpoint: Endpoint): object {
  const { address, port, weight, zone, labels, identity } = endpoint;
  return { address, port, weight: weight || 1, zone, labels, protocol: protocolName(endpoint), identity };
}

function protocolName({ protocol }: Endpoint): string {
  return protocol === Protocol.UNSPECIFIED ? "any" : enumName(ProtocolSchema, protocol);
}

const columns: readonly Column[] = [
  { title: "ADDRESS", flexible: true },
  { title: "PROTOCOL" },
  { title: "WEIGHT", align: "right" },
  { title: "ZONE", flexible: true },
  { title: "IDENTITY", flexible: true },
];

/** An answer for people: a heading per branch, then its endpoints. */
export function resolutionLines(response: ResolveResponse, width: number): string[] {
  const lines = response.branches.flatMap((branch) => branchLines(branch, { response, width }));
  const waiting = response.incomplete ? [paint("warn", "Incomplete: some resolver has not answered yet.")] : [];
  return [paint("bold", response.authority), ...lines, ...waiting];
}

function branchLines(branch: Branch, { response, width }: { response: ResolveResponse; width: number }): string[] {
  const share = response.branches.length > 1 ? `weight ${branch.weight}, ` : "";
  const led = branch.authority !== response.authority ? `as ${branch.authority}, ` : "";
  const stale = branch.stale ? paint("warn", " (stale: the last answer of a resolver or proxy that is away)") : "";
  const decided = branch.resolver ? `, decided by ${branch.resolver}` : "";
  const heading = `${share}${led}${outcomeText(branch)}${decided}`;
  const reason = branch.reason ? [`  ${branch.reason}`] : [];
  if (branch.endpoints.length === 0) return [`${heading}${stale}`, ...reason];
  const rows = branch.endpoints.map((endpoint) => [
    joinHostPort(endpoint.address, endpoint.port),
    protocolName(endpoint),
    String(endpoint.weight || 1),
    endpoint.zone || "-",
    identityText(endpoint.identity),
  ]);
  return [`${heading}${stale}`, ...reason, ...table({ columns, rows, width: width - 2 }).map((line) => `  ${line}`)];
}

function outcomeText(branch: Branch): string {
  const count = branch.endpoints.length;
  switch (branch.outcome) {
    case Outcome.ENDPOINTS:
      return paint("good", count === 1 ? "1 endpoint" : `${count} endpoints`);
    case Outcome.EMPTY:
      return paint("bad", "empty: the name exists and nobody serves it");
    case Outcome.ABSENT:
      return paint("warn", isMeshName(branch.authority) ? ABSENT_FROM_MESH : PLAIN_EGRESS);
    default:
      return paint("bad", enumName(OutcomeSchema, branch.outcome));
  }
}

const ABSENT_FROM_MESH = "absent: a name of the mesh that nobody has announced";
const PLAIN_EGRESS = "absent: not of the mesh, so proxies forward it by DNS (egress)";

/** Names that DNS cannot know: a proxy answers 502 instead of asking it. */
function isMeshName(authority: string): boolean {
  return /\.svc\.cluster\.local(:\d+)?$/.test(authority);
}

function identityText(identity: string): string {
  if (identity === "") return "plain text";
  const { namespace, service } = identityOf(identity);
  return service === "" ? identity : `${namespace}/${service}`;
}

/** Whether any branch has an endpoint. */
export function isServed(response: ResolveResponse): boolean {
  return response.branches.some((branch) => branch.outcome === Outcome.ENDPOINTS && branch.endpoints.length > 0);
}
