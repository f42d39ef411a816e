import { create } from "@bufbuild/protobuf";
import { type Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  Policy,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import type { Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { eventually, transportAs } from "@patchbay/testkit";
import type { RunningPolicy } from "./policy.ts";

/** A proxy that follows and remembers what it got. */
export interface FollowingProxy extends AsyncDisposable {
  readonly snapshots: readonly Snapshot[];
  targets(...hosts: readonly string[]): void;
  ack(version: string, refused?: string): void;
  send(request: WatchRequest): void;
  /** Waits for a snapshot that fits. */
  until(fits: (snapshot: Snapshot) => boolean): Promise<Snapshot>;
  /** How the stream ended; waits for it. */
  ended(): Promise<Code | "well">;
}

export interface ProxyOptions {
  readonly workload?: string;
  readonly instance?: string;
  readonly hosts?: readonly string[];
  readonly version?: string;
  readonly transport?: Transport;
  /** Sends no hello. */
  readonly silent?: true;
}

export function follow(policy: RunningPolicy, options: ProxyOptions = {}): FollowingProxy {
  const { workload = "default/web", instance = "one", hosts = [], version = "" } = options;
  const [namespace = "", name = ""] = workload.split("/");
  const own = transportAs(policy.address, { kind: "proxy", namespace, name, instance });
  const client = createClient(Policy, options.transport ?? own);
  const requests = createQueue();
  const snapshots: Snapshot[] = [];
  const leaving = new AbortController();
  let ending: Code | "well" | undefined;
  const reading = read(client.watch(requests.values(), { signal: leaving.signal }), snapshots).then((end) => {
    ending = end;
  });
  const send = (request: WatchRequest): void => requests.put(request);
  if (!options.silent)
    send(
      create(WatchRequestSchema, { message: { case: "hello", value: { version, targets: { hosts: [...hosts] } } } }),
    );
  return {
    snapshots,
    send,
    targets: (...some) =>
      send(create(WatchRequestSchema, { message: { case: "targets", value: { hosts: [...some] } } })),
    ack: (acked, refused = "") =>
      send(
        create(WatchRequestSchema, { message: { case: "ack", value: { version: acked, rejectionReason: refused } } }),
      ),
    until: (fits) => eventually(() => snapshots.find(fits)),
    async ended() {
      await reading;
      return ending ?? "well";
    },
    async [Symbol.asyncDispose]() {
      leaving.abort();
      requests.end();
      await reading;
      own.close();
    },
  };
}

async function read(responses: AsyncIterable<WatchResponse>, into: Snapshot[]): Promise<Code | "well"> {
  try {
    for await (const { snapshot } of responses) if (snapshot) into.push(snapshot);
    return "well";
  } catch (error) {
    return ConnectError.from(error).code;
  }
}

function createQueue() {
  const held: WatchRequest[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  return {
    put(request: WatchRequest) {
      held.push(request);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *values(): AsyncGenerator<WatchRequest> {
      for (;;) {
        const next = held.shift();
        if (next) yield next;
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
