import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type Selector, View } from "@patchbay/proto/mesh/tap/v1/tap_pb";

/** A proxy that may see what is asked for. */
export interface Participant {
  /** "namespace/name/instance" */
  readonly id: string;
  /** "host:port"; empty: it serves none. */
  readonly address: string;
  /** As the proxy of the service that is called. */
  readonly inbound: boolean;
  /** As the proxy of somebody who may call it. */
  readonly outbound: boolean;
}

/** The proxies that can see requests of a selector, by id. */
export function participantsOf(
  registrations: readonly Registration[],
  selector: Pick<Selector, "target" | "source" | "view">,
): ReadonlyMap<string, Participant> {
  const { target, source, view } = selector;
  const found = new Map<string, Participant>();
  for (const { announce, state } of registrations) {
    if (announce?.kind !== Kind.PROXY || state === State.GONE) continue;
    const { name, namespace, instance, address, workload } = announce;
    const serves = workload !== undefined && (target === "" || `${namespace}/${workload.service}` === target);
    const inbound = serves && view !== View.OUTBOUND;
    const outbound = (source === "" || `${namespace}/${name}` === source) && view !== View.INBOUND;
    const id = `${namespace}/${name}/${instance}`;
    if (inbound || outbound) found.set(id, { id, address, inbound, outbound });
  }
  return found;
}

/** "namespace/name" of all services behind proxies. */
export function serviceNames(registrations: readonly Registration[]): readonly string[] {
  const names = registrations.flatMap(({ announce }) =>
    announce?.kind === Kind.PROXY && announce.workload ? [`${announce.namespace}/${announce.workload.service}`] : [],
  );
  return [...new Set(names)].sort();
}

/**
 * What each of `count` proxies may send in a second. Requests are not spread evenly, so each gets four times its part: the total
 * is kept where all come together.
 */
export function shareOf(maxRps: number, count: number): number {
  return Math.max(1, Math.min(maxRps, Math.ceil((4 * maxRps) / Math.max(count, 1))));
}
