import type { Transport } from "@connectrpc/connect";
import type { Clock } from "@patchbay/model";
import type { Outbound, Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Log, systemClock } from "@patchbay/wire";
import type { PolicyFile } from "./policy-file.ts";
import { openPolicyStream } from "./policy-stream.ts";
import { createSnapshotInForce } from "./snapshot-in-force.ts";

/** What this workload has to enforce, as the policy service says it. The last that could be enforced stays while it is away. */
export interface PolicyClient {
  /** The snapshot in force; undefined: none yet. */
  current(): Snapshot | undefined;
  /** Why a snapshot was refused while none is in force; empty: nothing was refused, or an older one is in force. */
  unenforceable(): string;
  /** Settles with the first snapshot, from disk or from the service, refused or not, or when the wait for it is over. */
  ready(): Promise<void>;
  settled(): boolean;
  /** Calls back with each snapshot that comes into force. */
  onChange(listener: (snapshot: Snapshot) => void): () => void;
  /** Fully qualified hosts whose outbound rules are needed; replaces the previous set. */
  follow(hosts: ReadonlySet<string>): void;
  /**
   * Rules for a host that is followed. At once when they are known or cannot be known now; else a promise, for as long as a
   * first answer may take. Undefined: not known, so the proxy's defaults apply. Never rejects.
   */
  outbound(host: string): Outbound | undefined | Promise<Outbound | undefined>;
  /** Policy may have moved or come back. */
  retryNow(): void;
  /** Settles when what is in force is on disk. */
  flush(): Promise<void>;
  stop(): void;
}

export interface PolicyClientOptions {
  /** To a living replica of policy, picked at each call. */
  readonly policy: Transport;
  /** Undefined: nothing is kept on disk. */
  readonly file: PolicyFile | undefined;
  /** Puts a snapshot into force. To refuse it, throws an Error whose sentence goes to the policy service; what was in force stays. */
  enforce(snapshot: Snapshot): void | Promise<void>;
  /** Milliseconds for the first snapshot after the start. */
  readonly firstMs?: number;
  /** Milliseconds for the rules of a host that was not followed before. */
  readonly hostMs?: number;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** A policy service that runs answers in milliseconds; one that does not must not hold requests for long. */
const FIRST_MS = 1_500;
const HOST_MS = 500;

export function createPolicyClient(options: PolicyClientOptions): PolicyClient {
  const { log, file, firstMs = FIRST_MS, hostMs = HOST_MS, clock = systemClock } = options;
  const inForce = createSnapshotInForce(options.enforce);
  const first = Promise.withResolvers<void>();
  const stopped = new AbortController();
  let settled = false;
  /** The service has answered, or the time for its first answer is over. */
  let started = false;

  function settle(): void {
    settled = true;
    first.resolve();
  }

  function begun(): void {
    started = true;
    settle();
  }

  /** What was in force when this workload's proxy last ran. What cannot be enforced lets nothing in until the service says better. */
  async function putKept(): Promise<void> {
    const kept = file?.read() ?? { kind: "none" };
    if (kept.kind === "none") return;
    const refused = kept.kind === "unreadable" ? inForce.refuse(kept.reason) : await inForce.put(kept.snapshot);
    if (refused !== "")
      log.error({ reason: refused }, "kept rules cannot be enforced; nothing comes in until policy says what does");
  }

  async function onSnapshot(snapshot: Snapshot): Promise<string> {
    const known = snapshot.version === inForce.current()?.version;
    const refused = known ? "" : await inForce.put(snapshot);
    if (refused !== "")
      log.error(
        { version: snapshot.version, reason: refused },
        "rules that this proxy cannot enforce are refused; those before stay",
      );
    else if (!known) file?.write(snapshot);
    begun();
    return refused;
  }

  inForce.onChange(settle);
  void putKept();
  void clock.pause(firstMs, stopped.signal).then(begun);
  const stream = openPolicyStream({
    policy: options.policy,
    version: () => inForce.current()?.version ?? "",
    onSnapshot,
    log,
    clock,
  });

  async function learn(host: string): Promise<Outbound | undefined> {
    const found = new AbortController();
    const stopListening = inForce.onChange(() => inForce.outbound(host) !== undefined && found.abort());
    await clock.pause(started ? hostMs : firstMs, found.signal);
    stopListening();
    return inForce.outbound(host);
  }

  return {
    current: inForce.current,
    unenforceable: inForce.unenforceable,
    ready: () => first.promise,
    settled: () => settled,
    onChange: inForce.onChange,
    follow: stream.follow,
    outbound(host) {
      const known = inForce.outbound(host);
      // With the service away there is nothing to wait for.
      return known !== undefined || (started && stream.away()) ? known : learn(host);
    },
    retryNow: stream.retryNow,
    flush: () => file?.flush() ?? Promise.resolve(),
    stop() {
      stopped.abort();
      stream.stop();
    },
  };
}
