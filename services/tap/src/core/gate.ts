import { create } from "@bufbuild/protobuf";
import { type Notice, NoticeKind, NoticeSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";

/** What one tap lets through in a second, over all proxies, and what it tells about the rest. */
export class Gate {
  readonly #maxRps: number;
  #sent = 0;
  readonly #withheld = new Map<NoticeKind, { dropped: bigint; message: string }>();
  #total = 0n;

  constructor(maxRps: number) {
    this.#maxRps = maxRps;
  }

  /** All that was withheld so far. */
  get dropped(): bigint {
    return this.#total;
  }

  /** Whether one more request may pass in this second. */
  pass(): boolean {
    if (this.#sent < this.#maxRps) {
      this.#sent += 1;
      return true;
    }
    this.withhold(NoticeKind.RATE_LIMITED, 1n, "");
    return false;
  }

  /** Counts what was not shown; `message`: what a proxy says about it. */
  withhold(kind: NoticeKind, dropped: bigint, message: string): void {
    const before = this.#withheld.get(kind);
    this.#withheld.set(kind, {
      dropped: (before?.dropped ?? 0n) + dropped,
      message: message || (before?.message ?? ""),
    });
    this.#total += dropped;
  }

  /** Says it again in the next second, because nobody has heard it. */
  keep({ kind, dropped, message }: Notice): void {
    this.withhold(kind, dropped, message);
    this.#total -= dropped;
  }

  /** Begins the next second: what there is to say about the last. */
  roll(): Notice[] {
    this.#sent = 0;
    const notices = [...this.#withheld].map(([kind, { dropped, message }]) =>
      create(NoticeSchema, { kind, dropped, message: this.#text(kind, dropped, message) }),
    );
    this.#withheld.clear();
    return notices;
  }

  #text(kind: NoticeKind, dropped: bigint, message: string): string {
    const requests = dropped === 1n ? "1 request" : `${dropped} requests`;
    switch (kind) {
      case NoticeKind.RATE_LIMITED:
        return `${requests} more in a second than the ${this.#maxRps} that are shown; raise max_rps (--max-rps), or sample`;
      case NoticeKind.SLOW_READER:
        return `${requests} not shown: whoever reads this tap is too slow; select less`;
      case NoticeKind.COST:
        return `${requests} not looked at: selecting took 5 % of a proxy's time; make the expression cheaper, or sample`;
      case NoticeKind.EXPRESSION:
        return `${requests} left out: ${message}`;
      default:
        return message;
    }
  }
}
