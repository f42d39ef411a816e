import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { type Clock, createMailbox, errorMessage, keepStream, type Mailbox } from "@patchbay/model";
import { Policy, type WatchRequestSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Log } from "@patchbay/wire";

export interface PolicyStreamOptions {
  /** To a living replica of policy, picked at each call. */
  readonly policy: Transport;
  /** Version in force; empty: none. */
  version(): string;
  /** Puts it into force. Resolves with the reason when it cannot; empty: it is. */
  onSnapshot(snapshot: Snapshot): Promise<string>;
  readonly log: Log;
  readonly clock: Clock;
}

export interface PolicyStream {
  /** The present connection, or the wait after one, has failed to bring rules. */
  away(): boolean;
  /** Hosts whose rules are needed; replaces the previous set. */
  follow(hosts: ReadonlySet<string>): void;
  /** Policy may have moved or come back: ends the wait between two attempts. */
  retryNow(): void;
  stop(): void;
}

type Message = MessageInitShape<typeof WatchRequestSchema>;

/** Rules are to be in force within a second of their change, also just after the policy service was away. */
const BACKOFF = { minMs: 100, maxMs: 1_000 };
/** The contract's bound. */
const MAX_HOSTS = 1_000;

/** Holds the stream of snapshots and says which of them are in force. */
export function openPolicyStream(options: PolicyStreamOptions): PolicyStream {
  const { log, clock } = options;
  const client = createClient(Policy, options.policy);
  let hosts: readonly string[] = [];
  let outbox: Mailbox<Message> | undefined;
  let away = false;

  function connect(signal: AbortSignal): ReturnType<typeof client.watch> {
    const messages = createOutbox();
    messages.put({ message: { case: "hello", value: { version: options.version(), targets: { hosts: [...hosts] } } } });
    signal.addEventListener("abort", () => messages.end(), { once: true });
    outbox = messages;
    return client.watch(messages, { signal });
  }

  const stream = keepStream({
    connect,
    async onMessage({ snapshot }) {
      if (snapshot === undefined) return;
      const refused = await options.onSnapshot(snapshot);
      outbox?.put({ message: { case: "ack", value: { version: snapshot.version, rejectionReason: refused } } });
      away = false;
    },
    onDown(error) {
      away = true;
      const reason = error === undefined ? "policy ended the stream" : errorMessage(error);
      log.debug({ reason }, "no stream from policy; the rules that are in force stay");
    },
    backoff: BACKOFF,
    clock,
  });
  return {
    away: () => away,
    follow(wanted) {
      hosts = [...wanted].slice(0, MAX_HOSTS);
      outbox?.put({ message: { case: "targets", value: { hosts: [...hosts] } } });
    },
    retryNow: stream.retryNow,
    stop: stream.stop,
  };
}

/** Only the last message of each kind matters; what was done about rules goes before what is wanted next. */
function createOutbox(): Mailbox<Message> {
  return createMailbox({ kindOf: ({ message }) => message?.case ?? "", first: ["hello", "ack", "targets"] });
}
