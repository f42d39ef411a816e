import { createClient, type Transport } from "@connectrpc/connect";
import { type Clock, createWakeup, errorMessage, keepStream, rendezvousOrder, type Wakeup } from "@patchbay/model";
import { Telemetry } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { type Log, systemClock } from "@patchbay/wire";
import { createUnacknowledged, type Unacknowledged } from "./core/unacknowledged.ts";

/** What one report covers. */
export interface ReportWindow {
  /** From 1 on, without gaps. */
  readonly sequence: number;
  readonly startMs: number;
  readonly endMs: number;
}

export interface ReporterOptions {
  /** An encoded mesh.telemetry.v1.Report of what happened since the last one. Undefined: there is nothing to say. */
  take(window: ReportWindow): Uint8Array | undefined;
  /** Random per start of the proxy; chooses the replica. */
  readonly bootId: string;
  readonly intervalMs: number;
  /** Addresses of the living replicas of telemetry. */
  addresses(): readonly string[];
  /** A transport to one of them. */
  at(address: string): Transport;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
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
 * Makes a report every interval, and sends it over one stream until telemetry has stored it. While telemetry is away the proxy
 * just goes on counting: the next report covers the whole time, so nothing is lost and nothing grows.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { log, clock = systemClock } = options;
  const pending = createUnacknowledged(options.limits ?? REPORTER_LIMITS);
  const stats = { made: 0, stored: 0, refused: 0 };
  const allStored = createWakeup();
  const made = createWakeup();
  let windowStart = clock.now();

  function make(): void {
    if (!pending.hasRoom()) return;
    const window = { sequence: stats.made + 1, startMs: windowStart, endMs: clock.now() };
    const bytes = options.take(window);
    windowStart = window.endMs;
    if (bytes === undefined) return;
    stats.made = window.sequence;
    pending.push({ sequence: window.sequence, bytes });
    made.wake();
  }

  function acknowledge(sequence: number, refused: string): void {
    if (!pending.remove(sequence)) return;
    if (refused === "") stats.stored += 1;
    else {
      stats.refused += 1;
      log.error({ sequence, reason: refused }, "telemetry refused a report; its counts are lost");
    }
    if (pending.size() === 0) allStored.wake();
  }

  const sender = sendReports({ ...options, clock, pending, made, acknowledge });
  const stopTimer = clock.every(options.intervalMs, () => {
    // With telemetry away one report is enough to try with.
    if (!sender.away() || pending.size() === 0) make();
  });

  return {
    async flush(waitMs) {
      stopTimer();
      make();
      if (pending.size() === 0) return;
      const done = new AbortController();
      void allStored.wait().then(() => done.abort());
      await clock.pause(waitMs, done.signal);
    },
    retryNow: sender.retryNow,
    stats: () => ({ ...stats, waiting: pending.size() }),
    stop() {
      stopTimer();
      sender.stop();
    },
  };
}

interface SenderOptions extends ReporterOptions {
  readonly clock: Clock;
  readonly pending: Unacknowledged;
  /** There is something new to send. */
  readonly made: Wakeup;
  acknowledge(sequence: number, refused: string): void;
}

interface Sender {
  /** True from the loss of a stream until a report was acknowledged again. */
  away(): boolean;
  retryNow(): void;
  stop(): void;
}

/** Keeps a stream to the first replica in this proxy's order; after a failure, to the next one. */
function sendReports({ bootId, pending, made, log, clock, ...options }: SenderOptions): Sender {
  let away = false;
  let failures = 0;

  /** Every report that is not acknowledged, from the oldest on, then new ones as they are made. */
  async function* unsent(signal: AbortSignal): AsyncGenerator<{ report: Uint8Array<ArrayBuffer> }> {
    signal.addEventListener("abort", made.wake, { once: true });
    let last = 0;
    while (!signal.aborted) {
      const next = pending.after(last);
      if (next === undefined) {
        await made.wait();
        continue;
      }
      last = next.sequence;
      yield { report: new Uint8Array(next.bytes) };
    }
  }

  const stream = keepStream({
    connect(signal) {
      const order = rendezvousOrder(bootId, options.addresses(), (address) => address);
      const address = order[failures % Math.max(1, order.length)];
      if (address === undefined) throw new Error("no telemetry service is registered");
      return createClient(Telemetry, options.at(address)).report(unsent(signal), { signal });
    },
    onMessage({ sequence, rejectionReason: refused }) {
      away = false;
      failures = 0;
      options.acknowledge(Number(sequence), refused);
    },
    onDown(error) {
      away = true;
      failures += 1;
      const reason = error === undefined ? "telemetry ended the stream" : errorMessage(error);
      log.debug({ reason, waiting: pending.size() }, "no stream to telemetry; counting on");
    },
    backoff: { minMs: 100, maxMs: 2_000 },
    clock,
  });
  return { away: () => away, retryNow: stream.retryNow, stop: stream.stop };
}
