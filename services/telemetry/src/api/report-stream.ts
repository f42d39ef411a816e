import type { ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  beginStream,
  endStream,
  envelope,
  type RawCall,
  type RawStreamHandler,
  readEnvelopes,
} from "@patchbay/runtime";
import { ReportError } from "../core/decode/report-error.ts";
import { MAX_REPORT_BYTES } from "../core/limits.ts";
import type { Ingest } from "../engine/ingest.ts";
import type { Presence } from "../engine/presence.ts";
import { createSession, type Session } from "../engine/session.ts";
import { encodeAnswer, reportIn } from "./report-message.ts";

/** Path of the method that is answered here. */
export const REPORT_PATH = "/mesh.telemetry.v1.Telemetry/Report";

/** Reports of one stream that may wait to be stored before no more are read. */
const MAX_WAITING = 64;
/** Room for the fields around a report. */
const MAX_MESSAGE_BYTES = MAX_REPORT_BYTES + 1_024;

/** A client that has been told the end may still send for so long. */
const HALF_OPEN_MS = 1_000;

export interface ReportStreamsOptions {
  readonly ingest: Ingest;
  readonly presence: Presence;
  /** After this time a stream ends, in milliseconds, so that proxies spread over replicas that came later. */
  streamLifeMs(): number;
}

export interface ReportStreams {
  readonly handler: RawStreamHandler;
  /** Reads no more, waits until what was read is stored and answered, and ends all streams. */
  drain(): Promise<void>;
}

/** Streams of reports, answered on the HTTP/2 stream itself: a general pipeline would cost more than the work. */
export function createReportStreams(options: ReportStreamsOptions): ReportStreams {
  const open = new Set<ReportStream>();
  return {
    handler(stream, call) {
      const { kind, name } = call.caller;
      if (kind !== "proxy") {
        const refusal = `${kind} "${name}" may not call Report; allowed: proxy`;
        return endStream(stream, call.protocol, new ConnectError(refusal, Code.PermissionDenied));
      }
      const report = new ReportStream(stream, call, options);
      open.add(report);
      stream.once("close", () => open.delete(report));
    },
    async drain() {
      await Promise.all([...open].map((stream) => stream.finish()));
    },
  };
}

class ReportStream {
  readonly #stream: ServerHttp2Stream;
  readonly #call: RawCall;
  readonly #ingest: Ingest;
  readonly #session: Session;
  /** Reports that are not answered yet. */
  #waiting = 0;
  /** Answers of this turn of the loop, which leave in one piece: acknowledgements of NATS arrive in batches too. */
  #answers: Buffer[] = [];
  /** The client does not read its answers. */
  #blocked = false;
  /** Nothing more is read. */
  #finishing = false;
  readonly #finished = Promise.withResolvers<void>();

  constructor(stream: ServerHttp2Stream, call: RawCall, { ingest, presence, streamLifeMs }: ReportStreamsOptions) {
    this.#stream = stream;
    this.#call = call;
    this.#ingest = ingest;
    this.#session = createSession(call.caller);
    presence.enter(this.#session);
    const timer = setTimeout(() => void this.finish(), streamLifeMs());
    stream.once("close", () => {
      clearTimeout(timer);
      presence.leave(this.#session);
      this.#finished.resolve();
    });
    // Headers at once: a client may wait for them before it sends.
    beginStream(stream, call.protocol);
    readEnvelopes(stream, {
      maxBytes: MAX_MESSAGE_BYTES,
      onMessage: (message) => this.#take(message),
      onEnd: () => void this.finish(),
      onError: (reason) => this.#fail(new ConnectError(reason, Code.InvalidArgument)),
    });
  }

  /** Ends the stream after what was read is answered. */
  finish(): Promise<void> {
    this.#finishing = true;
    this.#stream.pause();
    this.#endIfDone();
    return this.#finished.promise;
  }

  #take(message: Uint8Array): void {
    if (this.#finishing) return;
    this.#waiting++;
    if (this.#waiting >= MAX_WAITING) this.#stream.pause();
    let report: Uint8Array;
    try {
      report = reportIn(message);
    } catch (error) {
      const reason = error instanceof ReportError ? error.message : String(error);
      return this.#fail(new ConnectError(`not a ReportRequest: ${reason}`, Code.InvalidArgument));
    }
    this.#ingest.take(report, this.#session).then(
      ({ sequence, refused }) => this.#answer(envelope(encodeAnswer(sequence, refused))),
      (error: unknown) => this.#fail(ConnectError.from(error)),
    );
  }

  #answer(framed: Buffer): void {
    this.#waiting--;
    if (this.#answers.push(framed) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const answers = this.#answers;
    this.#answers = [];
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    const taken = this.#stream.write(answers.length === 1 ? answers[0] : Buffer.concat(answers));
    if (!taken) this.#waitForDrain();
    if (this.#finishing) this.#endIfDone();
    else this.#readOn();
  }

  #waitForDrain(): void {
    this.#blocked = true;
    this.#stream.pause();
    this.#stream.once("drain", () => {
      this.#blocked = false;
      this.#readOn();
    });
  }

  #readOn(): void {
    if (!this.#blocked && !this.#finishing && this.#waiting < MAX_WAITING / 2) this.#stream.resume();
  }

  #endIfDone(): void {
    if (this.#waiting === 0 && this.#answers.length === 0) this.#end();
  }

  /** What waits is dropped here and sent again by the proxy. */
  #fail(error: ConnectError): void {
    this.#finishing = true;
    this.#end(error);
  }

  /** Ends our half, and the client's when it does not follow. */
  #end(error?: ConnectError): void {
    endStream(this.#stream, this.#call.protocol, error);
    this.#stream.resume();
    setTimeout(() => this.#stream.close(), HALF_OPEN_MS).unref();
  }
}
