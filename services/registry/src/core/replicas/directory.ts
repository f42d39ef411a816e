import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Instant } from "../lease/instant.ts";
import { createRegistrations, type Registrations, type RegistrationsOptions } from "../registrations.ts";
import type { Changes } from "./changes.ts";
import { createUnion } from "./union.ts";
import { createWatchQueue, type WatchQueue } from "./watch-queue.ts";

/** What changed in the picture that everyone sees. */
export interface Visible {
  readonly changed: readonly Registration[];
  readonly removed: readonly string[];
}

export interface Watch extends WatchQueue {
  close(): void;
}

export interface WatchOptions {
  accepts(id: string): boolean;
  wake(): void;
}

/** The union of all replicas' registrations, and whoever watches it. */
export interface Directory {
  /** Changes our own registrations, and tells everybody what came of it. */
  update<T>(change: (own: Registrations, now: Instant) => T): T;
  /** Judges leases, and forgets; call it about every `tickMs`. */
  tick(): void;
  /** Another replica's registration is new or changed. */
  mirror(replica: string, registration: Registration): void;
  unmirror(replica: string, id: string): void;
  /** Another replica went silent. */
  drop(replica: string): void;
  /** While other replicas' registrations are being read, no picture is complete. */
  loading(loading: boolean): void;
  complete(): boolean;
  get(id: string): Registration | undefined;
  list(): readonly Registration[];
  own(): readonly Registration[];
  watch(options: WatchOptions): Watch;
  watchers(): number;
  /** Calls back after each change of our own registrations; returns how to stop that. */
  onOwnChange(listener: (changes: Changes) => void): () => void;
}

export interface DirectoryOptions extends RegistrationsOptions {
  now(): Instant;
  readonly loading: boolean;
}

export function createDirectory(options: DirectoryOptions): Directory {
  const own = createRegistrations(options);
  const union = createUnion(own);
  const watches = new Set<WatchQueue>();
  const listeners = new Set<(changes: Changes) => void>();
  let loading = options.loading;
  let told = false;
  const complete = (): boolean => !loading && own.complete(options.now());
  const tell = (ids: readonly string[]): void => {
    const whole = complete();
    if (ids.length === 0 && whole === told) return;
    told = whole;
    const news = visible(ids, union.get);
    for (const watch of watches) {
      watch.push(news);
      watch.complete(whole);
    }
  };
  /** Tells everybody what came of a change of ours, and of these other ids. */
  const settle = (others: readonly string[]): void => {
    const changes = own.take();
    tell([...changes.changed.map(({ id }) => id), ...changes.removed, ...others]);
    if (!isEmpty(changes)) for (const listener of listeners) listener(changes);
  };
  return {
    update(change) {
      const now = options.now();
      const result = change(own, now);
      settle([]);
      return result;
    },
    tick() {
      const now = options.now();
      own.tick(now);
      settle(union.sweep(now.wall));
    },
    mirror(replica, registration) {
      union.mirror(replica, registration);
      own.yieldTo(registration);
      settle([registration.id]);
    },
    unmirror(replica, id) {
      union.unmirror(replica, id);
      tell([id]);
    },
    drop: (replica) => tell(union.drop(replica, options.now().wall)),
    loading(now) {
      loading = now;
      tell([]);
    },
    complete,
    get: union.get,
    list: union.list,
    own: () => own.list(),
    watch(watching) {
      const queue = createWatchQueue({ ...watching, all: union.list, complete: complete() });
      watches.add(queue);
      return { ...queue, close: () => watches.delete(queue) };
    },
    watchers: () => watches.size,
    onOwnChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function isEmpty({ changed, removed, noticed, transitions }: Changes): boolean {
  return changed.length + removed.length + noticed.length + transitions.length === 0;
}

function visible(ids: readonly string[], get: (id: string) => Registration | undefined): Visible {
  const found = [...new Set(ids)].map((id) => ({ id, registration: get(id) }));
  return {
    changed: found.map(({ registration }) => registration).filter((one) => one !== undefined),
    removed: found.filter(({ registration }) => !registration).map(({ id }) => id),
  };
}
