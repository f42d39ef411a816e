import { Client } from "undici";
import type { Connected } from "../upstream/await-connection.ts";
import { skipContinue } from "./skip-continue.ts";

/** A kept HTTP/1.1 connection of undici's. */
export interface PooledConnection {
  readonly client: Client;
  /** It is there. Until the first request, and once it was closed, it is not: then a request opens it. */
  open: boolean;
  /** The connection has carried a request before, so its close may cross the next one on the way. */
  used: boolean;
  /** A request was sent and its response has not begun. */
  awaitsHead: boolean;
  /** When it was last given back, on `performance.now()`'s clock. */
  idleSince: number;
}

/** A request that wants a connection. */
export interface Waiter {
  onSlot(slot: PooledConnection): void;
  /** Nothing was sent. */
  onNoSlot(error: Error): void;
}

export interface Http1PoolOptions {
  readonly connect: (connected: Connected) => void;
  /** Of open connections and waiting requests together. */
  readonly maxConnections: number;
  readonly maxHeadBytes: number;
}

/** HTTP/1.1 connections to one endpoint. */
export interface Http1Pool {
  /** Hands a connection to the request, at once or as soon as there is one; false: all are busy and as many wait as may. */
  take(taker: Waiter): boolean;
  /** It does not wait any more. */
  leave(taker: Waiter): void;
  give(slot: PooledConnection): void;
  /** Closes connections that have been idle since `before`. */
  prune(before: number): void;
  destroy(): void;
  readonly size: number;
}

/**
 * Connections that are being opened at a time. A burst goes over those that are there rather than all at once into handshakes,
 * which cost more than requests do: with one for each request of a stall, the stall would grow until all of them time out.
 */
const MAX_OPENING = 16;

/**
 * Last used is first taken, so that what is not needed goes idle and closes. (undici's own pool searches its connections for a
 * free one at each request, and queues without a bound.)
 */
export function createHttp1Pool(options: Http1PoolOptions): Http1Pool {
  return new Pool(options);
}

class Pool implements Http1Pool {
  readonly #options: Http1PoolOptions;
  /** Open ones, the last used last. */
  readonly #idle: PooledConnection[] = [];
  readonly #all = new Set<PooledConnection>();
  /** First come, first served. */
  readonly #waiting = new Set<Waiter>();
  #opening = 0;

  constructor(options: Http1PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  take(taker: Waiter): boolean {
    const slot = this.#waiting.size === 0 ? this.#find() : undefined;
    if (slot !== undefined) {
      taker.onSlot(slot);
      return true;
    }
    if (this.#all.size + this.#waiting.size >= this.#options.maxConnections) return false;
    this.#waiting.add(taker);
    return true;
  }

  leave(taker: Waiter): void {
    this.#waiting.delete(taker);
  }

  give(slot: PooledConnection): void {
    if (slot.open) this.#idle.push(slot);
    else this.#discard(slot);
    // Given back from within undici, which is still putting its queue in order.
    if (this.#waiting.size > 0) queueMicrotask(() => this.#serve());
  }

  prune(before: number): void {
    const kept = this.#idle.findIndex((slot) => slot.idleSince >= before);
    for (const slot of this.#idle.splice(0, kept < 0 ? this.#idle.length : kept)) this.#discard(slot);
  }

  destroy(): void {
    this.#fail(new Error("the sidecar ends"));
    this.#idle.length = 0;
    for (const slot of this.#all) this.#discard(slot);
  }

  #find(): PooledConnection | undefined {
    const slot = this.#idle.pop();
    if (slot !== undefined) return slot;
    return this.#opening < MAX_OPENING && this.#all.size < this.#options.maxConnections ? this.#create() : undefined;
  }

  #create(): PooledConnection {
    const slot: PooledConnection = {
      client: createClient(this.#options.maxHeadBytes, (connected) => this.#open(slot, connected)),
      open: false,
      used: false,
      awaitsHead: false,
      idleSince: 0,
    };
    slot.client.on("disconnect", () => this.#closed(slot));
    this.#all.add(slot);
    return slot;
  }

  #open(slot: PooledConnection, connected: Connected): void {
    this.#opening += 1;
    this.#options.connect((error, socket) => {
      this.#opening -= 1;
      slot.open = socket !== null;
      if (socket !== null) skipContinue(socket, () => slot.awaitsHead);
      connected(error, socket);
      // Without a connection to hope for, those who wait would only hear the same one after another.
      if (socket === null && !this.#someOpen()) this.#fail(error ?? new Error("no socket"));
      this.#serve();
    });
  }

  #closed(slot: PooledConnection): void {
    slot.open = false;
    slot.used = false;
    const index = this.#idle.indexOf(slot);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    // As above.
    queueMicrotask(() => this.#discard(slot));
  }

  #serve(): void {
    for (const taker of this.#waiting) {
      const slot = this.#find();
      if (slot === undefined) return;
      this.#waiting.delete(taker);
      taker.onSlot(slot);
    }
  }

  #someOpen(): boolean {
    for (const slot of this.#all) if (slot.open) return true;
    return false;
  }

  #fail(error: Error): void {
    const failed = [...this.#waiting];
    this.#waiting.clear();
    for (const taker of failed) taker.onNoSlot(error);
  }

  #discard(slot: PooledConnection): void {
    this.#all.delete(slot);
    void slot.client.destroy();
  }
}

function createClient(maxHeadBytes: number, connect: (connected: Connected) => void): Client {
  return new Client("http://mesh", {
    connect: (_options, callback) => {
      connect((error, socket) =>
        socket === null ? callback(error ?? new Error("no socket"), null) : callback(null, socket),
      );
    },
    maxHeaderSize: maxHeadBytes,
    // The exchange keeps time; a stream may be silent for as long as its program wants.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
}
