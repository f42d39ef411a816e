import { printable, whyNotEndpointAddress } from "@patchbay/model";
import type { Workload } from "@patchbay/proto/mesh/registry/v1/workload_pb";
import { check, checkDnsLabel } from "./check.ts";

const MAX_PORTS = 32;
const MAX_LABELS = 32;
const MAX_LABEL_LENGTH = 253;

/** Whom a proxy has been proven to be. */
export interface ProxyName {
  readonly name: string;
  readonly identity: string;
}

/** Throws INVALID_ARGUMENT with the field's path. Service and identity must be the proxy's own: others' names cannot be lent. */
export function checkWorkload(workload: Workload, proxy: ProxyName): void {
  checkDnsLabel(workload.service, "workload.service");
  check(
    workload.service === proxy.name,
    "workload.service",
    `"${workload.service}" is not the proxy's own name "${proxy.name}"; get a token for that name to serve it`,
  );
  check(workload.ports.length <= MAX_PORTS, "workload.ports", `${workload.ports.length} are more than ${MAX_PORTS}`);
  for (const [index, port] of workload.ports.entries()) checkPort(port, `workload.ports[${index}]`);
  const { endpoint } = workload;
  if (!endpoint)
    return check(false, "workload.endpoint", "is missing: where does the proxy accept connections for the program?");
  const { address, identity } = endpoint;
  const why = whyNotEndpointAddress(address);
  check(why === undefined, "workload.endpoint.address", `"${printable(address)}" is ${why ?? ""}`);
  checkPort(endpoint.port, "workload.endpoint.port");
  check(
    identity === "" || identity === proxy.identity,
    "workload.endpoint.identity",
    `"${printable(identity)}" is not what this proxy proves (${proxy.identity})`,
  );
  checkLabels(endpoint.labels);
}

function checkPort(port: number, field: string): void {
  check(port >= 1 && port <= 65_535, field, `port ${port} is not within 1 to 65535`);
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  check(entries.length <= MAX_LABELS, "workload.endpoint.labels", `${entries.length} are more than ${MAX_LABELS}`);
  const long = entries.find(([key, value]) => key.length > MAX_LABEL_LENGTH || value.length > MAX_LABEL_LENGTH);
  check(
    !long,
    "workload.endpoint.labels",
    `"${printable(long?.[0] ?? "")}" or its value is longer than ${MAX_LABEL_LENGTH} characters`,
  );
}
