import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { type Cancel, type Clock, createMailbox } from "@patchbay/model";
import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import {
  type Accepted,
  type AnnounceSchema,
  type HeartbeatSchema,
  type Notice,
  type RegisterRequestSchema,
  type RegisterResponse,
  Registry,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** What a session says and to whom it passes on what it hears. */
export interface SessionOptions {
  readonly transport: Transport;
  readonly announce: () => MessageInitShape<typeof AnnounceSchema>;
  /** Everything of a heartbeat but its number. */
  readonly heartbeat: () => MessageInitShape<typeof HeartbeatSchema>;
  readonly drainReason: () => string;
  readonly onAccepted: (accepted: Accepted) => void;
  readonly onNotice: (notice: Notice) => void;
  readonly onNats: (nats: NatsConnection) => void;
  readonly clock: Clock;
}

/** One Register stream, from the announcement to its end. */
export interface Session {
  /** Resolves when the other side ended the stream after end(); rejects when it broke. */
  readonly done: Promise<void>;
  announceAgain(): void;
  drain(): void;
  /** Says nothing more and lets the registry end the stream. */
  end(): void;
  /** Ends it without another word. */
  abort(reason: string): void;
}

type Part = "announce" | "heartbeat" | "drain";
// An announcement comes before all else on a new stream, and nothing comes after Drain but heartbeats.
const ORDER: readonly Part[] = ["announce", "heartbeat", "drain"];
// From dialling to Accepted.
const ANSWER_MS = 5000;
const DEFAULT_LEASE_MS = 5000;
const SECOND_CHANCE_MS = 100;

/** Opens the stream at once. Silence for one lease breaks it with DEADLINE_EXCEEDED. */
export function openSession(options: SessionOptions): Session {
  const controller = new AbortController();
  const abort = (reason: string) => controller.abort(new ConnectError(reason, Code.DeadlineExceeded));
  const watch = createWatch(options.clock, abort);
  const outbox = createMailbox<Part>({ kindOf: (part) => part, first: ORDER });
  let stopBeating: Cancel = () => undefined;
  let ending = false;
  const accept = (accepted: Accepted) => {
    watch.setLimit(leaseMs(accepted));
    stopBeating();
    stopBeating = options.clock.every(heartbeatMs(accepted), () => outbox.put("heartbeat"));
    options.onAccepted(accepted);
  };
  const run = async () => {
    outbox.put("announce");
    try {
      const answers = createClient(Registry, options.transport).register(requests(outbox, options), {
        signal: controller.signal,
      });
      for await (const answer of answers) {
        watch.alive();
        dispatch(answer, { ...options, onAccepted: accept });
      }
      if (!ending) throw new ConnectError("the registry ended the stream", Code.Unavailable);
    } catch (error) {
      throw controller.signal.aborted ? controller.signal.reason : error;
    } finally {
      stopBeating();
      watch.stop();
      outbox.end();
    }
  };
  return {
    done: run(),
    announceAgain: () => outbox.put("announce"),
    drain: () => outbox.put("drain"),
    end() {
      ending = true;
      outbox.end();
    },
    abort,
  };
}

/** Messages are made when they are sent, so that they say what is true then. */
async function* requests(parts: AsyncIterable<Part>, { announce, heartbeat, drainReason }: SessionOptions) {
  let sequence = 0n;
  for await (const part of parts) yield write(part);

  function write(part: Part): MessageInitShape<typeof RegisterRequestSchema> {
    if (part === "announce") return { message: { case: part, value: announce() } };
    if (part === "drain") return { message: { case: part, value: { reason: drainReason() } } };
    sequence += 1n;
    return { message: { case: part, value: { ...heartbeat(), sequence } } };
  }
}

// Announcements are never answered in silence, and heartbeats are acknowledged: who says nothing is dead.
function createWatch(clock: Clock, silent: (reason: string) => void) {
  let limitMs = ANSWER_MS;
  let cancel: Cancel = () => undefined;
  const judge = () => silent(`the registry said nothing for ${limitMs} ms`);
  // When this process itself was held up (a closed lid), answers may lie unread: they get a moment to be seen.
  const doubt = () => {
    cancel = clock.after(SECOND_CHANCE_MS, judge);
  };
  const alive = () => {
    cancel();
    cancel = clock.after(limitMs, doubt);
  };
  alive();
  return {
    alive,
    setLimit(ms: number) {
      limitMs = ms;
      alive();
    },
    stop: () => cancel(),
  };
}

function dispatch({ message }: RegisterResponse, to: Pick<SessionOptions, "onAccepted" | "onNotice" | "onNats">): void {
  if (message.case === "accepted") to.onAccepted(message.value);
  else if (message.case === "notice") to.onNotice(message.value);
  else if (message.case === "nats") to.onNats(message.value);
}

function heartbeatMs(accepted: Accepted): number {
  const asked = toMs(accepted.heartbeatInterval);
  return Math.max(10, asked > 0 ? asked : leaseMs(accepted) / 3);
}

function leaseMs({ lease }: Accepted): number {
  const ms = toMs(lease);
  return ms > 0 ? ms : DEFAULT_LEASE_MS;
}

function toMs(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
