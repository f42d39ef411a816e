import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** One message of a watch. */
export interface WatchMessage {
  readonly reset: boolean;
  readonly complete: boolean;
  readonly changed: readonly Registration[];
  readonly removed: readonly string[];
}

/** What a watcher has not taken yet: of each registration only the latest. */
export interface WatchQueue {
  push(changes: { readonly changed: readonly Registration[]; readonly removed: readonly string[] }): void;
  /** The picture became complete, which is told by a new whole one; or it is not complete any more. */
  complete(complete: boolean): void;
  /** Everything that is due as one message; undefined when nothing is. The first one is the whole picture. */
  take(): WatchMessage | undefined;
}

export interface WatchQueueOptions {
  /** Whether this watcher sees registrations of this id ("kind/…"). */
  accepts(id: string): boolean;
  /** The whole picture, unfiltered. */
  all(): readonly Registration[];
  readonly complete: boolean;
  /** More changes than this become one new picture. Default 4096. */
  readonly limit?: number;
  /** Called when something became due. */
  wake(): void;
}

export function createWatchQueue({ accepts, all, limit = 4_096, wake, ...options }: WatchQueueOptions): WatchQueue {
  let changed = new Map<string, Registration>();
  let removed = new Set<string>();
  let whole = true;
  let complete = options.complete;
  let completeDue = false;
  const clear = (): void => {
    changed = new Map();
    removed = new Set();
    whole = false;
    completeDue = false;
  };
  return {
    push(changes) {
      if (whole) return;
      for (const one of changes.changed.filter(({ id }) => accepts(id))) {
        changed.set(one.id, one);
        removed.delete(one.id);
      }
      for (const id of changes.removed.filter(accepts)) {
        changed.delete(id);
        removed.add(id);
      }
      if (changed.size + removed.size > limit) {
        clear();
        whole = true;
      }
      if (whole || changed.size + removed.size > 0) wake();
    },
    complete(now) {
      if (now === complete) return;
      complete = now;
      // Only a complete picture lets watchers forget: send it whole, so that they forget what they kept until now.
      whole ||= now;
      completeDue = true;
      wake();
    },
    take() {
      const reset = whole;
      if (!reset && !completeDue && changed.size + removed.size === 0) return undefined;
      const message = reset
        ? { reset, complete, changed: all().filter(({ id }) => accepts(id)), removed: [] }
        : { reset, complete, changed: [...changed.values()], removed: [...removed] };
      clear();
      return message;
    },
  };
}
