import type { Transport } from "@connectrpc/connect";
import { Kind } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createLocator, createView } from "@patchbay/runtime";
import { createTokenSource, createTransport, type Log } from "@patchbay/wire";

export interface ControlPlaneOptions {
  /** "http://host:port" of the registry, the one address to know. */
  readonly registry: string;
  readonly key: Uint8Array;
  /** Who calls. */
  readonly self: { readonly namespace: string; readonly name: string; readonly instance: string };
  readonly log: Log;
}

/** The core services as this proxy sees them. What was known stays while the registry is away. */
export interface ControlPlane {
  readonly registry: Transport;
  /** A transport that picks a living replica for each call. */
  locate(service: string): Transport;
  /** Addresses of the living replicas. */
  addresses(service: string): readonly string[];
  at(address: string): Transport;
  /** Calls back when the replicas of a service are others than before. */
  onMove(service: string, listener: () => void): void;
  close(): void;
}

export function connectControlPlane({ registry: address, key, self, log }: ControlPlaneOptions): ControlPlane {
  const token = createTokenSource(key, { kind: "proxy", ...self });
  const registry = createTransport({ address, token });
  const view = createView({ registry, log, kinds: [Kind.CORE] });
  const locator = createLocator({ view, token });
  return {
    registry,
    locate: locator.locate,
    addresses: locator.addresses,
    at: locator.at,
    onMove(service, listener) {
      let known = "";
      view.subscribe(() => {
        const now = locator.addresses(service).join();
        if (now === known) return;
        known = now;
        listener();
      });
    },
    close() {
      view.stop();
      locator.close();
      registry.close();
    },
  };
}
