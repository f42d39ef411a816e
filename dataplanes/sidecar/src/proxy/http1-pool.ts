import { Client } from "undici";
import type { Connected } from "./hop.ts";

/** A kept HTTP/1.1 connection of undici's; opens again by itself. */
export interface Slot {
  readonly client: Client;
  /** The connection has carried a request before, so its close may cross the next one on the way. */
  used: boolean;
  /** When it was last given back, on `performance.now()`'s clock. */
  idleSince: number;
}

export interface Http1PoolOptions {
  readonly connect: (connected: Connected) => void;
  readonly maxConnections: number;
  readonly maxHeadBytes: number;
}

/** HTTP/1.1 connections to one endpoint. */
export interface Http1Pool {
  /** A connection for one request; undefined: all are busy. */
  take(): Slot | undefined;
  give(slot: Slot): void;
  /** Lets go of connections that nobody has needed since `before`. */
  prune(before: number): void;
  destroy(): void;
  readonly size: number;
}

/**
 * Last used is first taken, so that what is not needed goes idle and closes. (undici's own pool searches its connections for a
 * free one at each request, and queues without a bound.)
 */
export function createHttp1Pool(options: Http1PoolOptions): Http1Pool {
  const idle: Slot[] = [];
  const all = new Set<Slot>();
  function open(): Slot {
    const slot: Slot = { client: createClient(options), used: false, idleSince: 0 };
    slot.client.on("disconnect", () => {
      slot.used = false;
    });
    all.add(slot);
    return slot;
  }
  function discard(slot: Slot): void {
    all.delete(slot);
    void slot.client.destroy();
  }
  return {
    take: () => idle.pop() ?? (all.size < options.maxConnections ? open() : undefined),
    give: (slot) => void idle.push(slot),
    prune(before) {
      const kept = idle.findIndex((slot) => slot.idleSince >= before);
      for (const slot of idle.splice(0, kept < 0 ? idle.length : kept)) discard(slot);
    },
    destroy() {
      idle.length = 0;
      for (const slot of all) discard(slot);
    },
    get size() {
      return all.size;
    },
  };
}

function createClient({ connect, maxHeadBytes }: Http1PoolOptions): Client {
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
