import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { type Clock, createBackoff } from "@patchbay/model";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { NatsConnection } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { Accepted, AnnounceSchema, HeartbeatSchema, Notice } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type Log, noLog } from "../log.ts";
import { systemClock } from "../system-clock.ts";
import { openSession, type Session } from "./session.ts";

/** What a heartbeat says about its sender. */
export type HeartbeatState = Pick<MessageInitShape<typeof HeartbeatSchema>, "ready" | "reason" | "consumers">;

export interface LeaseOptions {
  /** To the registry. Stays the owner's: close() of the lease leaves it open. */
  readonly transport: Transport;
  /** Asked for whenever the announcement is sent. */
  readonly announce: () => MessageInitShape<typeof AnnounceSchema>;
  /** Default: ready and reason of the announcement. */
  readonly heartbeat?: () => HeartbeatState;
  /** After each announcement that the registry accepted, so again after each reconnect and announceAgain(). */
  readonly onAccepted?: (accepted: Accepted) => void;
  /** The registry holds another state for the caller. */
  readonly onNotice?: (notice: Notice) => void;
  /** New NATS parameters, outside of Accepted. */
  readonly onNats?: (nats: NatsConnection) => void;
  /** An accepted stream broke. Once per loss; reconnecting has begun. */
  readonly onLost?: (reason: string) => void;
  /** The registry understood and said no. Asked again every 5 s, because a grant may still arrive. */
  readonly onRefused?: (error: ConnectError) => void;
  readonly log?: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

export interface Lease {
  /** The latest answer of the registry; waits for the first. Rejects when the lease is closed before. */
  accepted(): Promise<Accepted>;
  /** The announcement changed: sends it (again). Calls in quick succession send once. */
  announceAgain(): void;
  /**
   * Asks for nothing new. Resolves when the registry knows, or is out of reach, at the latest after 1 s. Heartbeats
   * go on until close().
   */
  drain(reason: string): Promise<void>;
  /** Ends the stream: after drain() that gives the lease back, else the lease runs out. */
  close(): void;
}

const REFUSED_WAIT_MS = 5000;
const DRAIN_WAIT_MS = 1000;
const END_WAIT_MS = 250;
const REFUSALS: readonly Code[] = [
  Code.PermissionDenied,
  Code.InvalidArgument,
  Code.FailedPrecondition,
  Code.Unauthenticated,
];

/** Announces and holds the lease until close(); after a loss it reconnects within 0.1 to 1 s, without limit. */
export function holdLease(options: LeaseOptions): Lease {
  const holder = new Holder(options);
  void holder.run();
  return holder;
}

class Holder implements Lease {
  readonly #options: LeaseOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #backoff = createBackoff({ minMs: 100, maxMs: 1000 });
  readonly #waiting: PromiseWithResolvers<Accepted>[] = [];
  #session: Session | undefined;
  #accepted: Accepted | undefined;
  #holding = false;
  #said = "";
  #retryNow: () => void = () => undefined;
  #drain: { reason: string; done: PromiseWithResolvers<void> } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#log = options.log ?? noLog;
    this.#clock = options.clock ?? systemClock;
  }

  accepted(): Promise<Accepted> {
    if (this.#accepted !== undefined) return Promise.resolve(this.#accepted);
    if (this.#closed.signal.aborted) return Promise.reject(new Error("the lease was closed"));
    const waiter = Promise.withResolvers<Accepted>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  announceAgain(): void {
    this.#session?.announceAgain();
    this.#retryNow();
  }

  async drain(reason: string): Promise<void> {
    if (this.#drain === undefined) {
      this.#drain = { reason, done: Promise.withResolvers() };
      if (this.#session === undefined || !this.#holding) this.#drain.done.resolve();
      this.#session?.drain();
    }
    await Promise.race([this.#drain.done.promise, this.#clock.pause(DRAIN_WAIT_MS, this.#closed.signal)]);
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    const session = this.#session;
    session?.end();
    // A registry that does not answer must not keep this process.
    const cancel = this.#clock.after(END_WAIT_MS, () => session?.abort("the lease was closed"));
    void session?.done.catch(() => undefined).finally(cancel);
    if (session === undefined) cancel();
    for (const waiter of this.#waiting.splice(0)) waiter.reject(new Error("the lease was closed"));
  }

  async run(): Promise<void> {
    // Who drains does not come back: what a lost registration would announce is about to end.
    const over = () => this.#closed.signal.aborted || this.#drain !== undefined;
    while (!over()) {
      const error = await this.#hold();
      if (!over()) await this.#wait(this.#explain(error));
    }
  }

  // One session from beginning to end; the error that ended it.
  async #hold(): Promise<ConnectError | undefined> {
    this.#session = openSession({
      transport: this.#options.transport,
      announce: this.#options.announce,
      heartbeat: () => this.#heartbeat(),
      drainReason: () => this.#drain?.reason ?? "",
      onAccepted: (accepted) => this.#accept(accepted),
      onNotice: (notice) => this.#notice(notice),
      onNats: (nats) => this.#options.onNats?.(nats),
      clock: this.#clock,
    });
    try {
      await this.#session.done;
      return undefined;
    } catch (error) {
      return ConnectError.from(error);
    } finally {
      this.#session = undefined;
      this.#drain?.done.resolve();
    }
  }

  #heartbeat(): HeartbeatState {
    if (this.#options.heartbeat !== undefined) return this.#options.heartbeat();
    const { ready = false, reason = "" } = this.#options.announce();
    return { ready, reason };
  }

  #accept(accepted: Accepted): void {
    this.#accepted = accepted;
    this.#holding = true;
    this.#said = "";
    this.#backoff.reset();
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(accepted);
    this.#options.onAccepted?.(accepted);
  }

  #notice(notice: Notice): void {
    if (notice.state === State.DRAINING) this.#drain?.done.resolve();
    this.#options.onNotice?.(notice);
  }

  // Tells the owner what happened; returns how long to wait before the next attempt.
  #explain(error: ConnectError | undefined): number {
    const reason = error?.rawMessage ?? "the stream ended";
    const held = this.#holding;
    this.#holding = false;
    if (error !== undefined && REFUSALS.includes(error.code)) {
      this.#say(reason, "the registry refused the announcement");
      this.#options.onRefused?.(error);
      return REFUSED_WAIT_MS;
    }
    this.#say(reason, "no connection to the registry; trying again");
    if (held) this.#options.onLost?.(reason);
    return this.#backoff.next();
  }

  // The same once a second would hide everything else.
  #say(reason: string, message: string): void {
    this.#log[reason === this.#said ? "debug" : "warn"]({ reason }, message);
    this.#said = reason;
  }

  async #wait(ms: number): Promise<void> {
    const early = new AbortController();
    this.#retryNow = () => early.abort();
    await this.#clock.pause(ms, AbortSignal.any([this.#closed.signal, early.signal]));
    this.#retryNow = () => undefined;
  }
}
