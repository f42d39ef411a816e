import { timestampMs } from "@bufbuild/protobuf/wkt";
import { printable } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Announce, Heartbeat, Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { MAX_REASON } from "./announce/announcement.ts";
import { registrationId } from "./announce/claim.ts";
import type { Granted } from "./announce/grant.ts";
import { Refusal } from "./announce/refusal.ts";
import { type Entry, settle, toRegistration } from "./entry.ts";
import { followStreaks, knownStats } from "./lease/deliveries.ts";
import type { Instant } from "./lease/instant.ts";
import { createLeaseMonitor, type Held, type LeaseMonitor, type LeaseTimes } from "./lease/lease.ts";
import { begin } from "./lease/life.ts";
import { forgettable } from "./lease/retention.ts";
import { type ChangeLog, type Changes, createChangeLog } from "./replicas/changes.ts";

export interface Announcement {
  /** Read and checked. */
  readonly announce: Announce;
  /** How the identity was proven. */
  readonly proof: string;
  readonly granted?: Granted;
  /** Number of the stream that holds the lease from now on. */
  readonly stream: number;
}

/** Registrations whose lease this replica holds. Nothing here waits, and time comes from outside. */
export interface Registrations {
  announce(announcement: Announcement, now: Instant): Registration;
  /** Ignored unless this stream holds the lease; returns whether it does. */
  heartbeat(id: string, stream: number, beat: Heartbeat, now: Instant): boolean;
  drain(id: string, stream: number, reason: string, now: Instant): void;
  streamEnded(id: string, stream: number, now: Instant): void;
  /** The hook address answered (empty), or why it did not. */
  probed(id: string, problem: string, now: Instant): void;
  granted(id: string, granted: Granted, now: Instant): void;
  /** Takes it out of use, or with undefined back into it. */
  quarantine(id: string, reason: string | undefined, now: Instant): void;
  /** Drops ours when another replica holds the instance now: it is alive there, and its stream is not open here. */
  yieldTo(elsewhere: Registration): void;
  /** Judges leases and forgets what has been gone for long; call it about every `tickMs`. */
  tick(now: Instant): void;
  /** False until one lease after the start. */
  complete(now: Instant): boolean;
  list(): readonly Registration[];
  get(id: string): Registration | undefined;
  /** Takes what changed since the last call. */
  take(): Changes;
}

export interface RegistrationsOptions extends LeaseTimes {
  readonly replica: string;
  readonly tickMs: number;
  readonly start: Instant;
}

/** More registrations than this are refused. */
export const MAX_REGISTRATIONS = 20_000;

/** Watchers must hear of it whether its state changes or not. */
const NEVER = -Infinity;

export function createRegistrations(options: RegistrationsOptions): Registrations {
  return new RegistrationTable(options);
}

class RegistrationTable implements Registrations {
  readonly #options: RegistrationsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #watchman: LeaseMonitor;
  readonly #log: ChangeLog;

  constructor(options: RegistrationsOptions) {
    this.#options = options;
    this.#watchman = createLeaseMonitor({ ...options, startedAt: options.start.mono });
    this.#log = createChangeLog(options.replica);
  }

  announce(announcement: Announcement, now: Instant): Registration {
    const id = registrationId(announcement.announce);
    const known = this.#entries.get(id);
    if (!known && this.#entries.size >= MAX_REGISTRATIONS) {
      throw new Refusal("exhausted", `this registry holds ${MAX_REGISTRATIONS} registrations, its limit`);
    }
    const entry =
      known && known.life.state !== State.GONE
        ? announcedAgain(known, announcement)
        : newEntry(announcement, now, known);
    this.#entries.set(id, entry);
    if (entry !== known) this.#log.moved(entry, known?.life);
    return this.#change(entry, { heardAt: now.mono, lease: "held", staleSince: undefined, toldAt: NEVER }, now);
  }

  heartbeat(id: string, stream: number, beat: Heartbeat, now: Instant): boolean {
    const entry = this.#held(id, stream);
    if (!entry || entry.life.state === State.GONE) return false;
    const { ready } = beat;
    const reason = printable(beat.reason, MAX_REASON);
    const { announce } = entry;
    // A new object: the old one may be in somebody's queue.
    if (announce.ready !== ready || announce.reason !== reason) entry.announce = { ...announce, ready, reason };
    const consumers = knownStats(beat.consumers, announce.manifest);
    const streaks = followStreaks(entry.streaks, consumers);
    this.#change(entry, { heardAt: now.mono, lease: "held", staleSince: undefined, consumers, streaks }, now);
    return true;
  }

  drain(id: string, stream: number, reason: string, now: Instant): void {
    const entry = this.#held(id, stream);
    if (entry && entry.drain === undefined)
      this.#change(entry, { drain: printable(reason, MAX_REASON), heardAt: now.mono }, now);
  }

  streamEnded(id: string, stream: number, now: Instant): void {
    const entry = this.#held(id, stream);
    if (entry) this.#change(entry, { stream: undefined }, now);
  }

  probed(id: string, problem: string, now: Instant): void {
    const entry = this.#entries.get(id);
    if (!entry || entry.hook === "none") return;
    this.#change(
      entry,
      { hook: problem === "" ? "answers" : "fails", hookReason: printable(problem, MAX_REASON) },
      now,
    );
  }

  granted(id: string, granted: Granted, now: Instant): void {
    const entry = this.#entries.get(id);
    if (entry) this.#change(entry, { granted, toldAt: NEVER }, now);
  }

  quarantine(id: string, reason: string | undefined, now: Instant): void {
    const entry = this.#entries.get(id);
    if (entry) this.#change(entry, { quarantine: reason }, now);
  }

  yieldTo({ id, state, since }: Registration): void {
    const entry = this.#entries.get(id);
    if (!entry || entry.stream !== undefined || state === State.GONE) return;
    const newer = since !== undefined && timestampMs(since) >= entry.life.at;
    if (newer || state !== State.DEGRADED) this.#forget(id);
  }

  tick(now: Instant): void {
    const all = [...this.#entries.values()];
    const judged = all.filter((entry) => entry.life.state !== State.GONE);
    for (const [id, lease] of this.#watchman.judge(judged.map(asHeld), now.mono)) {
      const entry = this.#entries.get(id);
      if (entry) this.#change(entry, { lease, staleSince: lease === "stale" ? now.mono : entry.staleSince }, now);
    }
    const gone = all.filter((entry) => entry.life.state === State.GONE);
    for (const id of forgettable(gone.map(asGone), now.wall)) this.#forget(id);
  }

  complete(now: Instant): boolean {
    return now.mono - this.#options.start.mono >= this.#options.leaseMs;
  }

  list(): readonly Registration[] {
    return [...this.#entries.values()].map((entry) => toRegistration(entry, this.#options.replica));
  }

  get(id: string): Registration | undefined {
    const entry = this.#entries.get(id);
    return entry && toRegistration(entry, this.#options.replica);
  }

  take(): Changes {
    return this.#log.take();
  }

  /** The entry, when this stream holds its lease. */
  #held(id: string, stream: number): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry?.stream === stream ? entry : undefined;
  }

  /** Applies facts, settles the state and remembers who has to hear of it: of counters alone, once a lease. */
  #change(entry: Entry, fields: Partial<Entry>, now: Instant): Registration {
    Object.assign(entry, fields);
    const before = entry.life;
    const moved = settle(entry, this.#options.leaseMs, now.wall);
    if (entry.life.state === State.GONE) entry.stream = undefined;
    if (moved) this.#log.moved(entry, before);
    const overdue =
      now.mono - entry.toldAt >= this.#options.leaseMs && (entry.consumers.length > 0 || entry.toldAt === NEVER);
    if (moved || overdue) {
      entry.toldAt = now.mono;
      this.#log.changed(entry);
    }
    return toRegistration(entry, this.#options.replica);
  }

  #forget(id: string): void {
    if (this.#entries.delete(id)) this.#log.forgotten(id);
  }
}

/** A registration begins; when the instance had one that is gone, its history goes on. */
function newEntry({ announce, proof, granted, stream }: Announcement, now: Instant, before: Entry | undefined): Entry {
  return {
    id: registrationId(announce),
    announce,
    granted,
    proof,
    life: begin(now.wall, before?.life),
    heardAt: now.mono,
    stream,
    lease: "held",
    staleSince: undefined,
    hook: hasHooks(announce) ? "unknown" : "none",
    hookReason: "",
    quarantine: undefined,
    drain: undefined,
    consumers: [],
    streaks: new Map(),
    toldAt: now.mono,
  };
}

/** The same instance, on a new stream or with something new to say. A new version ends a quarantine; a drain stays. */
function announcedAgain(entry: Entry, { announce, proof, granted, stream }: Announcement): Entry {
  const sameHooks = announce.address === entry.announce.address && hasHooks(announce) === hasHooks(entry.announce);
  const hook = hasHooks(announce) ? (sameHooks ? entry.hook : "unknown") : "none";
  const quarantine = announce.version === entry.announce.version ? entry.quarantine : undefined;
  return Object.assign(entry, { announce, proof, granted, stream, hook, quarantine });
}

function hasHooks(announce: Announce): boolean {
  return (announce.manifest?.hooks.length ?? 0) > 0;
}

function asHeld({ id, heardAt, stream, lease, staleSince }: Entry): Held {
  return { id, heardAt, stream: stream === undefined ? "broken" : "open", lease, staleSince };
}

function asGone({ id, life }: Entry) {
  return { id, owner: id.slice(0, id.lastIndexOf("/")), at: life.at };
}
