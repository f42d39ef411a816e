import { Code, ConnectError } from "@connectrpc/connect";
import type { Claims } from "@patchbay/wire";
import type { ChangedServices, PolicyIndex } from "../core/policy-index.ts";
import { composeSnapshot, concerns, type SnapshotOptions } from "../core/snapshot.ts";
import { createUpdate, type Update } from "./update.ts";

/** The proxies that follow policies, with the snapshot that each should enforce and the one that it acknowledged. */
export interface Subscribers {
  /** A new stream of the same proxy replaces the old one, which ends. */
  join(claims: Claims, hello: { version: string; hosts: readonly string[] }, reader: Reader): Subscription;
  /** Sends new snapshots to the proxies that a change affects. */
  changed(touched: ChangedServices): void;
  list(): readonly Subscriber[];
  /** The acknowledgement of an instance, kept after it has left. */
  acknowledged(proxy: string): Acknowledged | undefined;
  /** Forgets the acknowledgements of proxies that are gone. */
  forget(isKnown: (proxy: string) => boolean): void;
  /** Sends snapshots from now on. Before, policies are incomplete, and proxies should keep those that they have. */
  start(): void;
}

export interface Reader {
  /** The latest update replaces earlier ones that were not read. */
  deliver(update: Update): void;
  end(error: ConnectError): void;
}

/** One proxy's stream. */
export interface Subscription {
  follow(hosts: readonly string[]): void;
  ack(version: string, refused: string): void;
  leave(): void;
}

export interface Subscriber {
  readonly namespace: string;
  readonly workload: string;
  readonly instance: string;
  readonly hosts: ReadonlySet<string>;
  readonly wanted: string;
  /** Why its snapshot cannot be sent; empty: it was sent. */
  readonly untold: string;
}

export interface Acknowledged {
  /** In force; empty: none. */
  readonly version: string;
  /** Version that was refused, and why; empty: none. */
  readonly refusedVersion: string;
  readonly refused: string;
  /** Milliseconds since the epoch; 0: never. */
  readonly at: number;
}

export interface SubscribersOptions {
  readonly policyIndex: PolicyIndex;
  readonly namePolicies: boolean;
  now(): number;
  onPushed(): void;
  onAck(refused: boolean): void;
}

/** Targets that one proxy may follow. */
export const MAX_TARGETS = 1_000;
const MAX_HOST = 253;
const MAX_REFUSAL = 1_000;
/** Proxies take messages of 4 MiB. */
const MAX_SNAPSHOT_BYTES = 4 * 1024 * 1024 - 1_024;

export function createSubscribers(options: SubscribersOptions): Subscribers {
  const members = new Map<string, Member>();
  const acks = new Map<string, Acknowledged>();
  let started = false;
  return {
    join(claims, { version, hosts }, reader) {
      const id = proxyId(claims);
      const member = createMember({ claims, options, reader, acks, started: () => started });
      members.get(id)?.end(new ConnectError("another stream of this proxy follows now", Code.Aborted));
      member.start(version, hosts);
      members.set(id, member);
      return {
        follow: member.follow,
        ack: member.ack,
        leave: () => void (members.get(id) === member && members.delete(id)),
      };
    },
    changed(touched) {
      for (const member of members.values()) member.changed(touched);
    },
    list: () => [...members.values()].map((member) => member.state()),
    acknowledged: (proxy) => acks.get(proxy),
    forget(isKnown) {
      for (const id of acks.keys()) if (!members.has(id) && !isKnown(id)) acks.delete(id);
    },
    start() {
      started = true;
      for (const member of members.values()) member.push();
    },
  };
}

/** "namespace/name/instance" */
export function proxyId({ namespace, name, instance }: Pick<Claims, "namespace" | "name" | "instance">): string {
  return `${namespace}/${name}/${instance}`;
}

interface Member extends Omit<Subscription, "leave"> {
  start(version: string, hosts: readonly string[]): void;
  push(): void;
  changed(touched: ChangedServices): void;
  state(): Subscriber;
  end(error: ConnectError): void;
}

interface MemberOptions {
  readonly claims: Claims;
  readonly options: SubscribersOptions;
  readonly reader: Reader;
  readonly acks: Map<string, Acknowledged>;
  started(): boolean;
}

const never: Acknowledged = { version: "", refusedVersion: "", refused: "", at: 0 };

function createMember({ claims, options, reader, acks, started }: MemberOptions): Member {
  const { namespace, name, instance } = claims;
  const id = proxyId(claims);
  let wanted = "";
  let untold = "";
  let asked: SnapshotOptions = { workload: { namespace, name }, hosts: new Set(), namePolicies: options.namePolicies };
  const push = (): void => {
    if (!started()) return;
    const update = createUpdate(composeSnapshot(options.policyIndex, asked));
    if (update.version === wanted) return;
    wanted = update.version;
    untold = update.bytes > MAX_SNAPSHOT_BYTES ? tooLarge(update.bytes) : "";
    if (untold !== "") return;
    options.onPushed();
    reader.deliver(update);
  };
  const follow = (hosts: readonly string[]): void => {
    asked = { ...asked, hosts: checkHosts(hosts) };
    push();
  };
  const ack = (version: string, refused: string): void => {
    const before = acks.get(id) ?? never;
    const at = options.now();
    options.onAck(refused !== "");
    if (refused === "") acks.set(id, { version, refusedVersion: "", refused: "", at });
    else acks.set(id, { ...before, refusedVersion: version, refused: refused.slice(0, MAX_REFUSAL), at });
  };
  return {
    start(version, hosts) {
      asked = { ...asked, hosts: checkHosts(hosts) };
      acks.set(id, { ...(acks.get(id) ?? never), version });
      push();
    },
    push,
    follow,
    ack,
    changed: (touched) => void (concerns(touched, asked) && push()),
    state: () => ({ namespace, workload: name, instance, hosts: asked.hosts, wanted, untold }),
    end: (error) => reader.end(error),
  };
}

function tooLarge(size: number): string {
  return `what it should enforce has ${(size / 1_048_576).toFixed(1)} MiB, more than the 4 that proxies take; name targetRefs in policies`;
}

/** @throws ConnectError INVALID_ARGUMENT */
function checkHosts(hosts: readonly string[]): ReadonlySet<string> {
  if (hosts.length > MAX_TARGETS)
    throw new ConnectError(
      `${hosts.length} targets are more than ${MAX_TARGETS}; leave out those that are idle`,
      Code.InvalidArgument,
    );
  const wrong = hosts.find((host) => host === "" || host.length > MAX_HOST || /[^\x21-\x7e]/.test(host));
  if (wrong !== undefined)
    throw new ConnectError(
      `target ${JSON.stringify(wrong.slice(0, 80))} is not a host in full, such as "users.default.svc.cluster.local"`,
      Code.InvalidArgument,
    );
  return new Set(hosts);
}
