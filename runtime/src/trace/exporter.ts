import type { Log } from "@patchbay/wire";
import { encodeSpan } from "./otlp-encode.ts";
import { createOtlpPost, type OtlpPost } from "./otlp-post.ts";
import type { Span, SpanSource } from "./span.ts";
import { createSpanQueue, type SpanBatch } from "./span-queue.ts";

interface ExporterOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly limits?: Partial<ExporterLimits>;
}

export interface ExporterLimits {
  /** Spans that wait; more are dropped. */
  readonly maxSpans: number;
  readonly batch: number;
  readonly everyMs: number;
  readonly deadlineMs: number;
  /** Times that a batch is sent. */
  readonly tries: number;
  /** Time between two lines of log about spans that were lost. */
  readonly complainEveryMs: number;
}

const EXPORTER_LIMITS: ExporterLimits = {
  maxSpans: 2_048,
  batch: 512,
  everyMs: 1_000,
  deadlineMs: 5_000,
  tries: 5,
  complainEveryMs: 60_000,
};

export interface ExporterStats {
  readonly sent: number;
  readonly dropped: number;
  readonly waiting: number;
}

/** Sends finished spans to a collector. */
interface Exporter {
  /** Takes a span, or drops and counts it. Never blocks and never throws. */
  add(source: SpanSource, span: Span): void;
  /** Sends what waits, `ms` at most; what is left then is dropped. */
  flush(ms: number): Promise<void>;
  stats(): ExporterStats;
  close(): void;
}

/**
 * One batch in flight at a time; meanwhile others wait, up to a bound.
 * Not by OpenTelemetry's packages: sdk-trace-base, sdk-trace-node and exporter-trace-otlp-proto are 14 packages of 28 MB (2026-11), for settings and
 * a loop that are some 300 lines here; the encoder beside it was measured on its own.
 */
export function createExporter(options: ExporterOptions): Exporter {
  const limits = { ...EXPORTER_LIMITS, ...options.limits };
  const queue = createSpanQueue(limits.maxSpans);
  const post = createOtlpPost({ ...options, deadlineMs: limits.deadlineMs });
  const losses = createLosses(options.log, limits.complainEveryMs);
  const sender = createSender({ post, limits, lost: losses.add });
  let running: Promise<void> | undefined;
  let sent = 0;

  async function sendAll(): Promise<void> {
    for (let batch = queue.take(limits.batch); batch !== undefined; batch = queue.take(limits.batch))
      if (await sender.send(batch)) sent += batch.spans;
  }

  function run(): Promise<void> {
    running ??= sendAll().finally(() => (running = undefined));
    return running;
  }

  const timer = setInterval(() => void run(), limits.everyMs);
  timer.unref();
  return {
    add(source, span) {
      if (!queue.hasRoom()) return losses.add(1, "more spans than the collector takes");
      queue.push(source, encodeSpan(span));
      if (queue.size() >= limits.batch) void run();
    },
    async flush(ms) {
      clearInterval(timer);
      const over = setTimeout(sender.stop, ms);
      await run();
      // What came while a batch was under way.
      await run();
      clearTimeout(over);
      losses.tell();
    },
    stats: () => ({ sent, dropped: losses.count(), waiting: queue.size() }),
    close() {
      clearInterval(timer);
      sender.stop();
      post.close();
    },
  };
}

interface SenderOptions {
  readonly post: OtlpPost;
  readonly limits: ExporterLimits;
  lost(spans: number, reason: string): void;
}

/** Sends a batch until it is taken, or given up. `stop`: gives up everything from now on. */
function createSender({ post, limits, lost }: SenderOptions): {
  send(batch: SpanBatch): Promise<boolean>;
  stop(): void;
} {
  let over = false;
  let cancel: () => void = () => undefined;
  // A race against one promise for the life of the process would keep what each race leaves there.
  const unlessStopped = <T>(work: Promise<T>): Promise<T | undefined> =>
    new Promise((resolve) => {
      cancel = () => resolve(undefined);
      void work.then(resolve);
    });
  return {
    async send({ body, spans }) {
      let reason = "the process ended";
      for (let left = limits.tries; left > 0 && !over; left -= 1) {
        const posted = await unlessStopped(post.send(body));
        if (posted?.kind === "taken") return true;
        reason = posted?.reason ?? reason;
        if (posted?.kind === "refused") break;
        if (left > 1 && !over) await unlessStopped(later(limits.everyMs));
      }
      lost(spans, reason);
      return false;
    },
    stop() {
      over = true;
      cancel();
    },
  };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Counts spans that are lost, and says so now and then. */
function createLosses(
  log: Log,
  everyMs: number,
): {
  add(spans: number, reason: string): void;
  tell(): void;
  count(): number;
} {
  let total = 0;
  let told = 0;
  let lastReason = "";
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (): void => {
    if (total === told) return;
    log.warn({ spans: total - told, reason: lastReason }, "spans were dropped; requests are not affected");
    told = total;
    toldAt = performance.now();
  };
  return {
    add(spans, reason) {
      total += spans;
      lastReason = reason;
      if (performance.now() - toldAt >= everyMs) tell();
    },
    tell,
    count: () => total,
  };
}
