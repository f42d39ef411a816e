import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createBackoff, pause } from "@patchbay/model";
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
  let outbox: Outbox | undefined;
  let early = new AbortController();

  async function follow(): Promise<void> {
    const ended = new AbortController();
    const signal = AbortSignal.any([stopped.signal, ended.signal]);
    outbox = createOutbox({ hello: { version: options.version(), targets: { hosts: [...hosts] } }, signal });
    try {
      for await (const { snapshot } of client.follow(outbox.messages(), { signal })) {
        backoff.reset();
        if (snapshot === undefined) continue;
        const refused = options.onSnapshot(snapshot);
        outbox.acknowledge(snapshot.version, refused);
        options.onConnected(true);
      }
    } finally {
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
      outbox?.target(hosts);
    },
    retryNow: () => early.abort(),
    stop: () => stopped.abort(),
  };
}

/** What is still to be said on one stream. Holds at most one message of each kind: only the last of them matters. */
interface Outbox {
  target(hosts: readonly string[]): void;
  acknowledge(version: string, refused: string): void;
  messages(): AsyncGenerator<Message>;
}

interface OutboxOptions {
  readonly hello: { readonly version: string; readonly targets: { readonly hosts: string[] } };
  readonly signal: AbortSignal;
}

function createOutbox({ hello, signal }: OutboxOptions): Outbox {
  let targets: Message | undefined;
  let ack: Message | undefined;
  let wake: () => void = () => undefined;
  signal.addEventListener("abort", () => wake(), { once: true });
  return {
    target(hosts) {
      targets = { message: { case: "targets", value: { hosts: [...hosts] } } };
      wake();
    },
    acknowledge(version, refused) {
      ack = { message: { case: "ack", value: { version, refused } } };
      wake();
    },
    async *messages() {
      yield { message: { case: "hello", value: hello } };
      while (!signal.aborted) {
        const next = ack ?? targets;
        if (next === undefined) {
          await new Promise<void>((resolve) => (wake = resolve));
          continue;
        }
        if (next === ack) ack = undefined;
        else targets = undefined;
        yield next;
      }
    },
  };
}
