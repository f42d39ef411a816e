import type { Transport } from "@connectrpc/connect";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { holdLease, type Lease, type Log } from "@patchbay/wire";

export interface AnnouncementOptions {
  readonly registry: Transport;
  readonly name: string;
  readonly namespace: string;
  readonly instance: string;
  readonly version: string;
  /** "host:port" where the proxy answers core services. */
  readonly address: string;
  /** Set when a program with a service name stands behind the proxy. */
  readonly workload: { readonly service: string; readonly address: string; readonly port: number } | undefined;
  /** Whether requests may come, and if not, why. Asked whenever it is said. */
  readiness(): { readonly ready: boolean; readonly reason: string };
  /** The SPIFFE ID that the inbound port proves; empty before the first certificate. */
  spiffeId(): string;
  readonly log: Log;
}

/** Holds the proxy's registration, and with it the endpoint of the program behind it. */
export function announceProxy(options: AnnouncementOptions): Lease {
  const { name, namespace, instance, version, address, workload, readiness } = options;
  return holdLease({
    transport: options.registry,
    announce: () => ({
      kind: Kind.PROXY,
      name,
      namespace,
      instance,
      version,
      address,
      contract: { min: 1, max: 1 },
      ...readiness(),
      ...(workload === undefined ? {} : { workload: workloadOf(workload, options) }),
    }),
    heartbeat: () => ({ ...readiness(), consumers: [] }),
    onNotice: (notice) =>
      options.log.debug({ state: notice.state, reason: notice.reason }, "the registry's state changed"),
    log: options.log,
  });
}

function workloadOf(workload: NonNullable<AnnouncementOptions["workload"]>, options: AnnouncementOptions) {
  const { service, address, port } = workload;
  return {
    service,
    ports: [],
    ready: options.readiness().ready,
    endpoint: { address, port, identity: options.spiffeId() },
  };
}
