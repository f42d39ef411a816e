import { parseWorkloadName, type ServiceRef } from "@patchbay/model";
import { GROUP_ROUTE, GROUP_SOURCE, GROUP_TARGET, type GroupTable } from "../aggregate/group-table.ts";
import type { LabelTable } from "../aggregate/label-table.ts";
import { SERIES_METHOD, SERIES_RESULT, type SeriesTable, unpackResult } from "../aggregate/series-table.ts";

/**
 * Labels of a group in Prometheus text, without braces, named as Linkerd's proxy and its scrape configuration name
 * them: `namespace` and `deployment` are the side whose proxy reported, `dst_…` and `client_id` the other side.
 */
export function groupLabels(groups: GroupTable, labels: LabelTable, group: number): string {
  const source = labels.text(groups.part(group, GROUP_SOURCE));
  const target = labels.text(groups.part(group, GROUP_TARGET));
  const route = labels.text(groups.part(group, GROUP_ROUTE));
  const tls = `,tls="${groups.tls(group)}"`;
  const rest = groups.opaque(group) ? tls : `${tls},rt_route="${escapeValue(route)}"`;
  if (groups.outbound(group)) {
    return `${outboundLabels({ source, target, backend: labels.text(groups.backend(group)) })}${rest}`;
  }
  return `direction="inbound",${ownLabels(target)},authority="${escapeValue(target)}",client_id="${escapeValue(source)}"${rest}`;
}

/** Who called which service, and which one was chosen for it; names as rows have them. */
export interface OutboundNames {
  readonly source: string;
  readonly target: string;
  readonly backend: string;
}

/**
 * Labels of what an outbound proxy saw. `authority` and `dst_service` are what was asked for; `dst_namespace` and
 * `dst_deployment` are who got the request, which is the chosen backend's workload.
 */
export function outboundLabels({ source, target, backend }: OutboundNames): string {
  const chosen = splitName(backend);
  const destination = [
    `dst_namespace="${escapeValue(chosen.namespace)}"`,
    `dst_service="${escapeValue(splitName(target).name)}"`,
    `dst_deployment="${escapeValue(chosen.name)}"`,
    ...(backend === target ? [] : [`dst_backend="${escapeValue(backend)}"`]),
  ];
  return `direction="outbound",${ownLabels(source)},authority="${escapeValue(target)}",${destination.join(",")}`;
}

/** Labels of the workload whose proxy reported. */
export function ownLabels(service: string): string {
  const own = splitName(service);
  return `namespace="${escapeValue(own.namespace)}",deployment="${escapeValue(own.name)}"`;
}

export interface LabelSources {
  readonly groups: GroupTable;
  readonly series: SeriesTable;
  readonly labels: LabelTable;
}

/** Labels of a series: those of its group, and how its requests ended. */
export function seriesLabels({ groups, series, labels }: LabelSources, id: number): string {
  const group = series.group(id);
  const { status, grpcStatus, failure } = unpackResult(series.part(id, SERIES_RESULT));
  const common = groupLabels(groups, labels, group);
  if (groups.opaque(group)) return `${common},peer="${groups.outbound(group) ? "dst" : "src"}"`;
  const method = escapeValue(labels.text(series.part(id, SERIES_METHOD)));
  const grpc = grpcStatus === 0 ? "" : `,grpc_status="${grpcStatus - 1}"`;
  const code = status === 0 ? "" : `,status_code="${status}"`;
  return `${common},method="${method}"${code}${grpc},classification="${failure ? "failure" : "success"}"`;
}

/** Names outside of the mesh have no namespace. */
function splitName(name: string): ServiceRef {
  return parseWorkloadName(name) ?? { name, namespace: "" };
}

/** Label values: backslash, double quote and line feed are escaped (Prometheus text format 0.0.4). */
export function escapeValue(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
