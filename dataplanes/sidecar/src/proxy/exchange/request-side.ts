import type { Readable } from "node:stream";
import type { HeaderList } from "@patchbay/model";
import type { RequestHead } from "../../core/http/request-head.ts";
import type { Side } from "../listeners/side.ts";
import { ExchangeTimeouts, type TimeoutKind } from "./exchange-timeouts.ts";
import type { Downstream, Outgoing } from "./exchange-types.ts";
import { holdBody } from "./hold-body.ts";
import { ReplayBody } from "./replay-body.ts";
import { onceEnded } from "./send-body.ts";

const NO_BODY = Buffer.alloc(0);

/**
 * The request's half of an exchange: its head, and its body on the way out. A base class instead of a part: one is made per
 * request, and one object costs less than two.
 */
export abstract class RequestSide implements Outgoing {
  head: RequestHead;
  readonly version: 1 | 2;
  readonly visited: string;
  held: Buffer | undefined;
  protected readonly side: Side;
  protected readonly client: Downstream;
  protected patience: ExchangeTimeouts | undefined;
  protected requestBytes = 0;
  /** Nothing happens any more. */
  protected over = false;
  /** Milliseconds that the body may pause; 0: as long as it likes. */
  #bodyIdleMs: number;
  #taken = false;
  /** What was read of a streaming body, while another try may want it. */
  #kept: Buffer[] | undefined;
  #keptBytes = 0;
  #replay: ReplayBody | undefined;
  #onWhole: ((body: Buffer) => void) | undefined;

  constructor(side: Side, client: Downstream) {
    this.side = side;
    this.client = client;
    this.head = client.head;
    this.version = client.version;
    const { marker } = side;
    this.visited = marker === "" || this.head.visited === "" ? marker : `${this.head.visited},${marker}`;
    this.held = this.head.length === 0 ? NO_BODY : undefined;
    // A stream of gRPC is as long as both ends want: a watch sends one message, and then nothing for days.
    this.#bodyIdleMs = this.head.grpc ? 0 : side.limits.bodyIdleMs;
  }

  protected abstract overdue(what: TimeoutKind): void;

  /** It can be sent, or, as far as it was sent, sent again. */
  protected get replayable(): boolean {
    return this.held !== undefined || !this.#taken || this.#kept !== undefined || this.#replay?.whole === true;
  }

  /** A small body is being read whole and is not all here yet. */
  protected get holding(): boolean {
    return this.#taken && this.held === undefined;
  }

  /** Small bodies are read whole before they are sent: they can be sent twice, and a slow client occupies no program. */
  protected mayHold(): boolean {
    const { length, expectsContinue, upgrade } = this.head;
    return length > 0 && length <= this.side.limits.replayBytes && !expectsContinue && upgrade === "";
  }

  protected hold(done: () => void): void {
    this.#taken = true;
    this.expect("body", this.#bodyIdleMs);
    holdBody(this.client.body, {
      length: this.head.length,
      passed: (bytes) => this.#passed(bytes),
      done: (body) => {
        this.patience?.met("body");
        this.held = body;
        done();
      },
    });
  }

  /** A body that is not held will be kept as it passes, for another try. */
  protected keepForRetries(): void {
    const { expectsContinue, upgrade } = this.head;
    if (!this.#taken && !expectsContinue && upgrade === "") this.#kept ??= [];
  }

  /** Calls back once, with a streaming body that has come to its end and was not longer than is kept. */
  protected whenWhole(done: (body: Buffer) => void): void {
    this.keepForRetries();
    this.#onWhole = done;
  }

  #ended(): void {
    this.patience?.met("body");
    if (this.client.complete() && this.#kept !== undefined) this.#onWhole?.(Buffer.concat(this.#kept));
  }

  /** A response has begun: no other try follows, and from here on the body may pause, as in an exchange of messages. */
  protected bodyIsFree(): void {
    if (this.#onWhole === undefined) this.#kept = undefined;
    this.#bodyIdleMs = 0;
    this.patience?.met("body");
  }

  takeBody(): Readable {
    const { body } = this.client;
    this.expect("body", this.#bodyIdleMs);
    if (this.#taken) return this.#replayed(body);
    this.#taken = true;
    body.on("data", this.#onChunk);
    onceEnded(body, () => this.#ended());
    return body;
  }

  readonly #onChunk = (chunk: Buffer): void => {
    this.#passed(chunk.length);
    if (this.#kept === undefined) return;
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > this.side.limits.replayBytes) this.#kept = undefined;
    else this.#kept.push(chunk);
  };

  /** The body for another try: what was read before, then what comes. */
  #replayed(body: Readable): Readable {
    if (this.#replay === undefined) {
      body.unpipe();
      body.off("data", this.#onChunk);
      this.#replay = new ReplayBody(body, {
        kept: this.#kept ?? [],
        limit: this.side.limits.replayBytes,
        passed: (bytes) => this.#passed(bytes),
        ended: () => this.patience?.met("body"),
      });
      this.#kept = undefined;
    }
    return this.#replay.open();
  }

  complete(): boolean {
    return this.client.complete();
  }

  trailers(): HeaderList {
    return this.client.trailers();
  }

  #passed(bytes: number): void {
    this.requestBytes += bytes;
    this.client.passed(bytes);
    this.expect("body", this.#bodyIdleMs);
  }

  protected expect(what: TimeoutKind, ms: number): void {
    if (ms === 0 || this.over) return;
    this.patience ??= new ExchangeTimeouts(this.side.deadlines, (overdue) => this.overdue(overdue));
    this.patience.expect(what, ms);
  }

  protected letGo(): void {
    this.over = true;
    this.#kept = undefined;
    this.patience?.stop();
    this.#replay?.close();
  }
}
