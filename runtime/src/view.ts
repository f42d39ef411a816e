import { createClient, type Transport } from "@connectrpc/connect";
import { errorMessage, keepStream } from "@patchbay/model";
import {
  type Kind,
  type Registration,
  Registry,
  type WatchResponse,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type Log, systemClock } from "@patchbay/wire";

export interface ViewChange {
  readonly changed: readonly Registration[];
  /** Ids. */
  readonly removed: readonly string[];
  readonly complete: boolean;
}

/** A live mirror of the registry. What it knew stays while the registry is away or does not have the whole picture yet. */
export interface RegistryView {
  /** The registry has said that this is the whole picture. */
  complete(): boolean;
  list(kind?: Kind): readonly Registration[];
  subscribe(listener: (change: ViewChange) => void): () => void;
  /** Settles at the first message. */
  ready(): Promise<void>;
}

interface ViewOptions {
  readonly registry: Transport;
  readonly log: Log;
  /** Empty: all kinds. */
  readonly kinds?: readonly Kind[];
}

export interface RunningView extends RegistryView {
  stop(): void;
}

/** Watches the registry until stopped. */
export function createView({ registry, log, kinds = [] }: ViewOptions): RunningView {
  const table = createViewTable();
  const first = Promise.withResolvers<void>();
  const client = createClient(Registry, registry);
  const stream = keepStream({
    connect: (signal) => client.watch({ kinds: [...kinds] }, { signal }),
    onMessage(message) {
      table.apply(message);
      first.resolve();
    },
    onDown: (error) => log.debug({ error: errorMessage(error) }, "registry is away; what it said stays"),
    backoff: { minMs: 100, maxMs: 1_000 },
    clock: systemClock,
  });
  return { ...table, ready: () => first.promise, stop: stream.stop };
}

interface ViewTable extends Omit<RegistryView, "ready"> {
  apply(message: WatchResponse): void;
}

/** The mirror's contents: an incomplete picture adds, and removes nothing. */
export function createViewTable(): ViewTable {
  const known = new Map<string, Registration>();
  const listeners = new Set<(change: ViewChange) => void>();
  let complete = false;
  return {
    complete: () => complete,
    list: (kind) => [...known.values()].filter((entry) => kind === undefined || entry.announce?.kind === kind),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    apply(message) {
      complete = message.complete;
      const named = new Set(message.changed.map((entry) => entry.id));
      const forgotten = message.reset ? [...known.keys()].filter((id) => !named.has(id)) : message.removed;
      const removed = message.complete ? forgotten : [];
      for (const id of removed) known.delete(id);
      for (const entry of message.changed) known.set(entry.id, entry);
      for (const listener of listeners) listener({ changed: message.changed, removed, complete });
    },
  };
}
