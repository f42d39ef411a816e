import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createBackoff, createMailbox, type Mailbox, pause } from "@patchbay/model";
import { type FollowRequestSchema, Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { Log } from "@patchbay/wire";

export interface PolicyStreamOptions {
  /** To a living replica of policy, picked at each call. */
  readonly policy: Transport;
  /** Version in force; empty: none. */
  version(): string;
  /** Puts it into force. Returns why it cannot; empty: it is. */
  onSnapshot(snapshot: Snapshot): string;
  /** Whether there is a stream that has answered. */
  onConnected(connected: boolean): void;
  readonly log: Log;
}

export interface PolicyStream {
  /** Hosts whose rules are wanted, replacing those before. */
  follow(hosts: ReadonlySet<string>): void;
  /** Policy may have moved or come back: ends the wait between two attempts. */
  retryNow(): void;
  stop(): void;
}

type Message = MessageInitShape<typeof FollowRequestSchema>;

const MIN_WAIT_MS = 100;
/** Rules are to be in force within a second of their change, also just after the policy service was away. */
const MAX_WAIT_MS = 1_000;
/** The contract's bound. */
const MAX_HOSTS = 1_000;

/** Holds one Follow stream, opening it again for ever. */
export function openPolicyStream(options: PolicyStreamOptions): PolicyStream {
  const stopped = new AbortController();
  const backoff = createBackoff({ minMs: MIN_WAIT_MS, maxMs: MAX_WAIT_MS });
  const client = createClient(Policy, options.policy);
  let hosts: readonly string[] = [];
  let outbox: Mailbox<Message> | undefined;
  let early = new AbortController();

  async function follow(): Promise<void> {
    const ended = new AbortController();
    const signal = AbortSignal.any([stopped.signal, ended.signal]);
    outbox = createOutbox();
    outbox.put({ message: { case: "hello", value: { version: options.version(), targets: { hosts: [...hosts] } } } });
    try {
      for await (const { snapshot } of client.follow(outbox, { signal })) {
        backoff.reset();
        if (snapshot === undefined) continue;
        const refused = options.onSnapshot(snapshot);
        outbox.put({ message: { case: "ack", value: { version: snapshot.version, refused } } });
        options.onConnected(true);
      }
    } finally {
      outbox.end();
      ended.abort();
    }
  }

  async function followForEver(): Promise<void> {
    while (!stopped.signal.aborted) {
      const reason = await follow().then(
        () => "policy ended the stream",
        (error: unknown) => ConnectError.from(error).message,
      );
      options.onConnected(false);
      if (stopped.signal.aborted) return;
      options.log.debug({ reason }, "no stream from policy; the rules that are in force stay");
      early = new AbortController();
      await pause(backoff.next(), AbortSignal.any([stopped.signal, early.signal]));
    }
  }

  void followForEver();
  return {
    follow(wanted) {
      hosts = [...wanted].slice(0, MAX_HOSTS);
      outbox?.put(targets(hosts));
    },
    retryNow: () => early.abort(),
    stop: () => stopped.abort(),
  };
}

/** Only the last message of each kind matters; what was done about rules goes before what is wanted next. */
function createOutbox(): Mailbox<Message> {
  return createMailbox({ kindOf: ({ message }) => message?.case ?? "", first: ["hello", "ack", "targets"] });
}

function targets(hosts: readonly string[]): Message {
  return { message: { case: "targets", value: { hosts: [...hosts] } } };
}
