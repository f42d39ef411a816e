import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Announce, Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type Entry, toRegistration } from "../entry.ts";
import type { Life, Step } from "../lease/life.ts";

/** A registration entered a state. */
export interface Transitioned extends Step {
  readonly id: string;
  readonly announce: Announce;
  /** UNSPECIFIED for a new registration. */
  readonly previous: State;
}

/** What happened since the last time somebody asked. */
export interface Changes {
  readonly changed: readonly Registration[];
  /** Ids that are forgotten. */
  readonly removed: readonly string[];
  /** Oldest first. */
  readonly transitions: readonly Transitioned[];
  /** Ids whose state or reason changed. */
  readonly noticed: readonly string[];
}

/** Collects what watchers, owners and events have to hear of. */
export interface ChangeLog {
  /** The entry went from one life to another; undefined: it is new. */
  moved(entry: Entry, before: Life | undefined): void;
  changed(entry: Entry): void;
  forgotten(id: string): void;
  take(): Changes;
}

export function createChangeLog(replica: string): ChangeLog {
  let changed = new Map<string, Entry>();
  let removed = new Set<string>();
  let transitions: Transitioned[] = [];
  let noticed = new Set<string>();
  return {
    moved(entry, before) {
      const { id, announce, life } = entry;
      noticed.add(id);
      changed.set(id, entry);
      if (before && life.history === before.history) return; // only the reason is new
      const previous = before?.state ?? State.UNSPECIFIED;
      transitions.push({ id, announce, previous, state: life.state, reason: life.reason, at: life.at });
    },
    changed(entry) {
      changed.set(entry.id, entry);
      removed.delete(entry.id);
    },
    forgotten(id) {
      changed.delete(id);
      removed.add(id);
    },
    take() {
      const taken = {
        changed: [...changed.values()].map((entry) => toRegistration(entry, replica)),
        removed: [...removed],
        transitions,
        noticed: [...noticed],
      };
      changed = new Map();
      removed = new Set();
      transitions = [];
      noticed = new Set();
      return taken;
    },
  };
}
