import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createTransport } from "@patchbay/wire";
import { traceCalls } from "./trace/rpc-traces.ts";
import type { RegistryView } from "./view.ts";

interface LocatorOptions {
  readonly view: RegistryView;
  token(): string;
  /** Services that live in this process, by name: called without a socket. */
  readonly local?: ReadonlyMap<string, Transport>;
}

export interface Locator {
  /** A transport that picks a living replica for each call. */
  locate(service: string): Transport;
  /** Addresses of the living replicas of a service, sorted. */
  addresses(service: string): readonly string[];
  /** A transport to one replica. */
  at(address: string): Transport;
  close(): void;
}

const USABLE: ReadonlySet<State> = new Set([State.READY, State.DEGRADED, State.STARTING]);

/** Finds core services by what the registry knows. */
export function createLocator({ view, token, local = new Map() }: LocatorOptions): Locator {
  const transports = new Map<string, ReturnType<typeof createTransport>>();
  let turn = 0;
  const at = (address: string): Transport => {
    const known = transports.get(address) ?? createTransport({ address, token, interceptors: [traceCalls] });
    transports.set(address, known);
    return known;
  };
  const addresses = (service: string): readonly string[] =>
    replicas(view, service).map((entry) => `http://${entry.announce?.address}`);
  const pick = (service: string): Transport => {
    const here = local.get(service);
    if (here) return here;
    const known = addresses(service);
    const address = known[turn++ % Math.max(known.length, 1)];
    if (address !== undefined) return at(address);
    throw new ConnectError(
      `no "${service}" service is registered; \`mesh check\` tells what is missing`,
      Code.Unavailable,
    );
  };
  return {
    addresses,
    at,
    locate: (service) => ({
      unary: (...call) => pick(service).unary(...call),
      stream: (...call) => pick(service).stream(...call),
    }),
    close() {
      for (const transport of transports.values()) transport.close();
    },
  };
}

/** Ready ones first come first: others only when there is no ready one. */
function replicas(view: RegistryView, service: string): readonly Registration[] {
  const all = view
    .list(Kind.CORE)
    .filter((entry) => entry.announce?.name === service && entry.announce.address !== "" && USABLE.has(entry.state))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const ready = all.filter((entry) => entry.state === State.READY);
  return ready.length > 0 ? ready : all;
}
