import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** Where registrations of living replicas go. */
export interface ReplicaSink {
  mirror(replica: string, registration: Registration): void;
  unmirror(replica: string, id: string): void;
  drop(replica: string): void;
}

/**
 * Other replicas, as far as what they write can be read. A replica counts as alive from the first sign of life that is newer than
 * our start, so that what a dead one left behind is never believed; and until it gives no sign for one lease.
 */
export interface Replicas {
  /** Reading begins, at first or anew after an interruption: everything comes once more. */
  begin(): void;
  registration(replica: string, registration: Registration): void;
  removed(replica: string, id: string): void;
  /** A sign of life; only those that arrive after `loaded` count. */
  heard(replica: string, now: number): void;
  /** Everything has come: what did not come again was removed meanwhile. */
  loaded(): void;
  /** Drops those that fell silent; `connected`: whether we could have heard them. Call it about every `tickMs`. */
  tick(now: number, connected: boolean): void;
  /** Replicas of which something is left although they have given no sign of life for `ms`. */
  abandoned(now: number, ms: number): readonly string[];
  alive(): readonly string[];
  /** Forgets a replica, because what it left has been cleared away. */
  forget(replica: string): void;
}

interface Replica {
  readonly held: Map<string, Registration>;
  seen: Set<string>;
  /** Last sign of life, or the first time we knew of it. */
  heardAt: number;
  alive: boolean;
}

export interface ReplicasOptions {
  readonly leaseMs: number;
  readonly tickMs: number;
  readonly sink: ReplicaSink;
  readonly startedAt: number;
}

export function createReplicas(options: ReplicasOptions): Replicas {
  return new ReplicaTable(options);
}

class ReplicaTable implements Replicas {
  readonly #options: ReplicasOptions;
  readonly #replicas = new Map<string, Replica>();
  #loading = true;
  #now: number;
  /** Silence is counted from here at the earliest: before it we could not hear. */
  #floor: number;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#now = options.startedAt;
    this.#floor = options.startedAt;
  }

  begin(): void {
    this.#loading = true;
    for (const replica of this.#replicas.values()) replica.seen = new Set();
  }

  registration(name: string, registration: Registration): void {
    const replica = this.#replica(name);
    replica.seen.add(registration.id);
    replica.held.set(registration.id, registration);
    if (replica.alive) this.#options.sink.mirror(name, registration);
  }

  removed(name: string, id: string): void {
    const replica = this.#replicas.get(name);
    if (replica?.held.delete(id) && replica.alive) this.#options.sink.unmirror(name, id);
  }

  heard(name: string, now: number): void {
    const replica = this.#replica(name);
    if (this.#loading) return;
    replica.heardAt = now;
    if (replica.alive) return;
    replica.alive = true;
    for (const registration of replica.held.values()) this.#options.sink.mirror(name, registration);
  }

  loaded(): void {
    this.#loading = false;
    for (const [name, { held, seen }] of this.#replicas) {
      for (const id of held.keys()) if (!seen.has(id)) this.removed(name, id);
    }
  }

  tick(now: number, connected: boolean): void {
    const { leaseMs, tickMs, sink } = this.#options;
    if (!connected || this.#loading || now - this.#now > tickMs + leaseMs / 2) this.#floor = now;
    this.#now = now;
    for (const [name, replica] of this.#replicas) {
      if (!replica.alive || now - Math.max(replica.heardAt, this.#floor) < leaseMs) continue;
      replica.alive = false;
      sink.drop(name);
    }
  }

  abandoned(now: number, ms: number): readonly string[] {
    const silent = (replica: Replica): boolean => !replica.alive && now - Math.max(replica.heardAt, this.#floor) >= ms;
    return [...this.#replicas].filter(([, replica]) => silent(replica)).map(([name]) => name);
  }

  alive(): readonly string[] {
    return [...this.#replicas].filter(([, { alive }]) => alive).map(([name]) => name);
  }

  forget(name: string): void {
    this.#replicas.delete(name);
  }

  #replica(name: string): Replica {
    const known = this.#replicas.get(name);
    if (known) return known;
    const replica = {
      held: new Map<string, Registration>(),
      seen: new Set<string>(),
      heardAt: this.#now,
      alive: false,
    };
    this.#replicas.set(name, replica);
    return replica;
  }
}
