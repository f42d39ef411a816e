import { createClient, type Transport } from "@connectrpc/connect";
import { createBackoff, createWakeup, errorMessage, pause, rendezvousOrder } from "@patchbay/model";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import type { Log } from "@patchbay/wire";
import type { ReportTable } from "../core/report/report-table.ts";
import { createUnacknowledged, type Unacknowledged } from "../core/report/unacknowledged.ts";

export interface ReporterOptions {
  readonly table: ReportTable;
  /** Random per start of the sidecar; also chooses the replica. */
  readonly bootId: string;
  /** "namespace/name" of who reports. */
  readonly reporter: string;
  readonly intervalMs: number;
  /** Addresses of the living replicas of telemetry. */
  addresses(): readonly string[];
  /** A transport to one of them. */
  at(address: string): Transport;
  readonly log: Log;
  readonly limits?: { readonly maxReports: number; readonly maxBytes: number };
}

/** A minute of reports, of at most 8 MiB. */
export const REPORTER_LIMITS = { maxReports: 60, maxBytes: 8 * 1024 * 1024 };

export interface Reporter {
  /** Makes a last report and waits until telemetry has all of them, or the time is over. */
  flush(waitMs: number): Promise<void>;
  /** Telemetry may have moved or come back. */
  retryNow(): void;
  stats(): ReporterStats;
  stop(): void;
}

export interface ReporterStats {
  readonly made: number;
  readonly stored: number;
  readonly refused: number;
  readonly waiting: number;
}

/**
 * Sends what the table holds every interval over one stream, until telemetry has stored it. While telemetry is away the table
 * just goes on counting: the next report covers the whole time, so nothing is lost and nothing grows.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const pending = createUnacknowledged(options.limits ?? REPORTER_LIMITS);
  const stopped = new AbortController();
  const stats = { made: 0, stored: 0, refused: 0 };
  const settled = new Set<() => void>();
  let windowStart = Date.now();
  const { wake, wait } = createWakeup();
  const sender = sendForEver({
    ...options,
    pending,
    signal: stopped.signal,
    woken: wait,
    acknowledge,
  });
  const timer = setInterval(() => {
    // With telemetry away one report is enough to try with.
    if (sender.connected() || pending.size() === 0) make();
  }, options.intervalMs);
  timer.unref();

  function make(): void {
    if (!pending.hasRoom()) return;
    const endMs = Date.now();
    const sequence = stats.made + 1;
    const bytes = options.table.take({
      bootId: options.bootId,
      sequence,
      startMs: windowStart,
      endMs,
      reporter: options.reporter,
    });
    windowStart = endMs;
    if (bytes === undefined) return;
    stats.made = sequence;
    pending.push({ sequence, bytes });
    wake();
  }

  function acknowledge(sequence: number, refused: string): void {
    if (!pending.remove(sequence)) return;
    if (refused === "") stats.stored += 1;
    else {
      stats.refused += 1;
      options.log.error({ sequence, reason: refused }, "telemetry refused a report; its counts are lost");
    }
    if (pending.size() === 0) for (const done of settled) done();
  }

  return {
    async flush(waitMs) {
      clearInterval(timer);
      make();
      if (pending.size() === 0) return;
      const done = new AbortController();
      settled.add(() => done.abort());
      await pause(waitMs, done.signal);
    },
    retryNow: sender.retryNow,
    stats: () => ({ ...stats, waiting: pending.size() }),
    stop() {
      clearInterval(timer);
      stopped.abort();
      wake();
    },
  };
}

interface SenderOptions extends ReporterOptions {
  readonly pending: Unacknowledged;
  readonly signal: AbortSignal;
  /** Settles when there is something new to send. */
  woken(): Promise<void>;
  acknowledge(sequence: number, refused: string): void;
}

interface Sender {
  /** False from the loss of a stream until a report was acknowledged again. */
  connected(): boolean;
  retryNow(): void;
}

/** Keeps a stream open to the first replica in this sidecar's order that takes reports. */
function sendForEver(options: SenderOptions): Sender {
  const { signal, log } = options;
  const backoff = createBackoff({ minMs: 100, maxMs: 2_000 });
  let connected = true;
  let attempt = 0;
  let early = new AbortController();

  async function send(): Promise<void> {
    const order = rendezvousOrder(options.bootId, options.addresses(), (address) => address);
    const address = order[attempt % Math.max(1, order.length)];
    if (address === undefined) throw new Error("no telemetry service is registered");
    const stream = new AbortController();
    const requests = unsent(options, stream.signal);
    try {
      const client = createClient(Telemetry, options.at(address));
      for await (const { sequence, refused } of client.report(requests, {
        signal: AbortSignal.any([signal, stream.signal]),
      })) {
        connected = true;
        attempt = 0;
        backoff.reset();
        options.acknowledge(Number(sequence), refused);
      }
    } finally {
      stream.abort();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const reason = await send().then(() => "telemetry ended the stream", errorMessage);
      connected = false;
      attempt += 1;
      if (signal.aborted) return;
      log.debug({ reason, waiting: options.pending.size() }, "no stream to telemetry; counting on");
      early = new AbortController();
      await pause(backoff.next(), AbortSignal.any([signal, early.signal]));
    }
  }

  void run();
  return { connected: () => connected, retryNow: () => early.abort() };
}

/** Every report that is not acknowledged, from the oldest on, then new ones as they are made. */
async function* unsent(
  options: SenderOptions,
  ended: AbortSignal,
): AsyncGenerator<{ report: Uint8Array<ArrayBuffer> }> {
  let last = 0;
  while (!options.signal.aborted && !ended.aborted) {
    const next = options.pending.after(last);
    if (next === undefined) {
      await options.woken();
      continue;
    }
    last = next.sequence;
    yield { report: new Uint8Array(next.bytes) };
  }
}
