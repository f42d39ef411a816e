import { errorMessage } from "@patchbay/model";
import type { Outbound, Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

/** The last snapshot that the proxy could enforce. */
export interface SnapshotInForce {
  current(): Snapshot | undefined;
  /** Why a snapshot was refused while none is in force; empty: nothing was refused, or an older one is in force. */
  unenforceable(): string;
  /** Rules for a host; undefined: the snapshot has none. */
  outbound(host: string): Outbound | undefined;
  /** Resolves with why it is refused; empty: it is in force, and is at once when `enforce` does not wait. */
  put(snapshot: Snapshot): Promise<string>;
  /** There is a snapshot that cannot be put into force. Returns the reason. */
  refuse(reason: string): string;
  /** Calls back with each snapshot that comes into force. Returns how to end that. */
  onChange(listener: (snapshot: Snapshot) => void): () => void;
}

/** `enforce` throws an Error with a sentence for people to refuse a snapshot. */
export function createSnapshotInForce(enforce: (snapshot: Snapshot) => void | Promise<void>): SnapshotInForce {
  const listeners = new Set<(snapshot: Snapshot) => void>();
  let current: Snapshot | undefined;
  let hosts: ReadonlyMap<string, Outbound> = new Map();
  let unenforceable = "";

  function refuse(reason: string): string {
    if (current === undefined) unenforceable = reason;
    return reason;
  }

  return {
    current: () => current,
    unenforceable: () => unenforceable,
    outbound: (host) => hosts.get(host),
    refuse,
    async put(snapshot) {
      try {
        const enforcing = enforce(snapshot);
        if (enforcing instanceof Promise) await enforcing;
      } catch (error) {
        return refuse(errorMessage(error));
      }
      current = snapshot;
      unenforceable = "";
      hosts = new Map(snapshot.outbound.map((outbound) => [outbound.target, outbound]));
      for (const listener of listeners) listener(snapshot);
      return "";
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
