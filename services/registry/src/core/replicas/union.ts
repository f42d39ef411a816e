import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { type Registration, RegistrationSchema, TransitionSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { HISTORY } from "../lease/life.ts";
import { GONE_KEEP_MS } from "../lease/retention.ts";

/** What all replicas know: own registrations, and those that other replicas hold. */
export interface Union {
  /** The registration that counts, of all that replicas hold for this id. */
  get(id: string): Registration | undefined;
  list(): readonly Registration[];
  /** A replica holds this now. */
  mirror(replica: string, registration: Registration): void;
  unmirror(replica: string, id: string): void;
  /** A replica went silent: what it held is gone unless somebody else holds it. Returns the ids that this concerns. */
  drop(replica: string, at: number): readonly string[];
  /** Forgets what went with a replica long ago; returns the ids. `at` is milliseconds since the epoch. */
  sweep(at: number): readonly string[];
}

/** Our own registrations. */
export interface Own {
  get(id: string): Registration | undefined;
  list(): readonly Registration[];
}

export function createUnion(own: Own): Union {
  /** By id, then by replica. */
  const mirrored = new Map<string, Map<string, Registration>>();
  const dropped = new Set<string>();
  const remove = (replica: string, id: string): void => {
    const holders = mirrored.get(id);
    holders?.delete(replica);
    if (holders?.size === 0) mirrored.delete(id);
  };
  const get = (id: string): Registration | undefined => {
    const all = [own.get(id), ...(mirrored.get(id)?.values() ?? [])].filter((one) => one !== undefined);
    return all.reduce<Registration | undefined>(better, undefined);
  };
  return {
    get,
    list() {
      const ids = new Set([...own.list().map(({ id }) => id), ...mirrored.keys()]);
      return [...ids].map(get).filter((one) => one !== undefined);
    },
    mirror(replica, registration) {
      dropped.delete(replica);
      const holders = mirrored.get(registration.id) ?? new Map<string, Registration>();
      mirrored.set(registration.id, holders.set(replica, registration));
    },
    unmirror: remove,
    drop(replica, at) {
      dropped.add(replica);
      const held = [...mirrored.values()].filter((holders) => holders.has(replica));
      return held.flatMap((holders) => {
        const registration = holders.get(replica);
        if (!registration) return [];
        holders.set(replica, withoutReplica(registration, replica, at));
        return [registration.id];
      });
    },
    sweep(at) {
      const old = [...mirrored].flatMap(([id, holders]) =>
        [...holders]
          .filter(
            ([replica, one]) => dropped.has(replica) && one.state === State.GONE && at - sinceMs(one) >= GONE_KEEP_MS,
          )
          .map(([replica]) => ({ id, replica })),
      );
      for (const { id, replica } of old) remove(replica, id);
      return old.map(({ id }) => id);
    },
  };
}

/** The one that is alive, else the newer; the first when they are equal. */
function better(a: Registration | undefined, b: Registration): Registration {
  if (!a) return b;
  const aGone = a.state === State.GONE;
  if (aGone !== (b.state === State.GONE)) return aGone ? b : a;
  return sinceMs(b) > sinceMs(a) ? b : a;
}

function sinceMs({ since }: Registration): number {
  return since ? timestampMs(since) : 0;
}

function withoutReplica(registration: Registration, replica: string, at: number): Registration {
  if (registration.state === State.GONE) return registration;
  const reason = `the registry replica ${replica}, which held its lease, went silent and it did not come to another`;
  const step = create(TransitionSchema, { state: State.GONE, reason, at: timestampFromMs(at) });
  const history = [...registration.history, step].slice(-HISTORY);
  return create(RegistrationSchema, {
    ...registration,
    state: State.GONE,
    reason,
    since: timestampFromMs(at),
    history,
  });
}
