import { GROUP_ROUTE, GROUP_SOURCE, GROUP_TARGET, type GroupTable } from "./group-table.ts";
import type { LabelTable } from "./label-table.ts";
import { SERIES_METHOD, SERIES_RESULT, type SeriesTable, unpackResult } from "./series-table.ts";

/**
 * Labels of a group in Prometheus text, without braces, named as Linkerd's proxy and its scrape configuration name
 * them: `namespace` and `deployment` are the side whose proxy reported, `dst_…` and `client_id` the other side.
 */
export function groupLabels(groups: GroupTable, labels: LabelTable, group: number): string {
  const source = labels.text(groups.part(group, GROUP_SOURCE));
  const target = labels.text(groups.part(group, GROUP_TARGET));
  const route = labels.text(groups.part(group, GROUP_ROUTE));
  const own = splitName(groups.outbound(group) ? source : target);
  const reporter = `namespace="${escapeValue(own.namespace)}",deployment="${escapeValue(own.name)}"`;
  const asked = `authority="${escapeValue(target)}"`;
  const rest = groups.opaque(group) ? "" : `,rt_route="${escapeValue(route)}"`;
  if (!groups.outbound(group))
    return `direction="inbound",${reporter},${asked},client_id="${escapeValue(source)}"${rest}`;
  const other = splitName(target);
  const destination = `dst_namespace="${escapeValue(other.namespace)}",dst_service="${escapeValue(other.name)}"`;
  return `direction="outbound",${reporter},${asked},${destination}${rest}`;
}

export interface LabelSources {
  readonly groups: GroupTable;
  readonly series: SeriesTable;
  readonly labels: LabelTable;
}

/** Labels of a series: those of its group, and how its requests ended. */
export function seriesLabels({ groups, series, labels }: LabelSources, id: number): string {
  const group = series.group(id);
  const { status, grpcStatus, tls, failure } = unpackResult(series.part(id, SERIES_RESULT));
  const common = `${groupLabels(groups, labels, group)},tls="${tls}"`;
  if (groups.opaque(group)) return `${common},peer="${groups.outbound(group) ? "dst" : "src"}"`;
  const method = escapeValue(labels.text(series.part(id, SERIES_METHOD)));
  const grpc = grpcStatus === 0 ? "" : `,grpc_status="${grpcStatus - 1}"`;
  const code = status === 0 ? "" : `,status_code="${status}"`;
  return `${common},method="${method}"${code}${grpc},classification="${failure ? "failure" : "success"}"`;
}

/** "users.demo" is service users in namespace demo; "users" is in the default one. Other names have no namespace. */
function splitName(name: string): { name: string; namespace: string } {
  const parts = name.split(".");
  if (parts.length > 2 || name === "") return { name, namespace: "" };
  return { name: parts[0] ?? name, namespace: parts[1] ?? "default" };
}

/** Label values: backslash, double quote and line feed are escaped (Prometheus text format 0.0.4). */
function escapeValue(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
