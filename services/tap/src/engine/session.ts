import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { ObserveResponse } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import {
  type Notice,
  NoticeKind,
  NoticeSchema,
  type Request,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { Outgoing, OutgoingEnd, RegistryView } from "@patchbay/runtime";
import { Gate } from "../core/gate.ts";
import type { TapRequest } from "../core/tap-request.ts";
import type { Dialler } from "../sources/dialler.ts";
import { createMembers, type Members } from "./members.ts";

export interface SessionOptions {
  readonly asked: TapRequest;
  readonly outgoing: Outgoing;
  readonly view: RegistryView;
  readonly dialler: Dialler;
  /** Called once, when it is over. */
  onEnd(summary: SessionSummary): void;
}

export interface SessionSummary {
  readonly requests: number;
  readonly dropped: bigint;
  readonly seconds: number;
  readonly why: string;
}

/** The first coverage waits this long for proxies that answer late. */
const COVERAGE_WAIT_MS = 500;

const WHY: Readonly<Record<OutgoingEnd, string>> = {
  gone: "the caller went away",
  stuck: "the caller stopped reading",
  ended: "ended",
};

/** One tap: merges what proxies send, within its limits, until one of many reasons to end. */
export class Session {
  readonly #options: SessionOptions;
  readonly #gate: Gate;
  readonly #members: Members;
  readonly #startedAt = performance.now();
  readonly #timers: NodeJS.Timeout[];
  #covered = false;
  #requests = 0;
  #why = "";

  constructor(options: SessionOptions) {
    const { asked, view, dialler, outgoing } = options;
    this.#options = options;
    this.#gate = new Gate(asked.maxRps);
    this.#members = createMembers({
      asked,
      view,
      dialler,
      onMessage: (message) => this.#take(message),
      onChange: (settled) => this.#changed(settled),
    });
    this.#timers = [
      setTimeout(() => this.#cover(), COVERAGE_WAIT_MS),
      setInterval(() => this.#tell(), 1_000),
      setTimeout(() => this.#endOfTime(), asked.durationMs),
    ];
    outgoing.onClose((end) => this.#closed(end));
    this.#members.start();
  }

  /** Ends it from here. */
  end(why: string, error?: ConnectError): void {
    if (this.#why !== "") return;
    this.#why = why;
    this.#members.stop();
    this.#tell();
    this.#options.outgoing.end(error);
  }

  #take({ message }: ObserveResponse): void {
    if (this.#why !== "") return;
    if (message.case === "request") this.#show(message.value);
    else if (message.case === "notice")
      this.#gate.withhold(message.value.kind, message.value.dropped, message.value.message);
  }

  #show(request: Request): void {
    if (!this.#covered) this.#cover();
    if (!this.#gate.pass()) return;
    if (!this.#send({ case: "request", value: request })) {
      this.#gate.withhold(NoticeKind.SLOW_READER, 1n, "");
      return;
    }
    if (request.open) return;
    this.#requests += 1;
    if (this.#requests >= this.#options.asked.limit) this.end("it has shown as many requests as were asked for");
  }

  #changed(settled: boolean): void {
    if (settled || this.#covered) this.#cover();
  }

  #cover(): void {
    this.#covered = true;
    this.#send({ case: "coverage", value: this.#members.coverage() });
  }

  #tell(): void {
    for (const notice of this.#gate.roll()) if (!this.#notify(notice)) this.#gate.keep(notice);
  }

  #endOfTime(): void {
    const minutes = this.#options.asked.durationMs / 60_000;
    const time = minutes >= 1 ? `${Math.round(minutes * 10) / 10} min` : `${Math.round(minutes * 600) / 10} s`;
    const message = `its time of ${time} has passed; ask again to go on`;
    this.#notify(create(NoticeSchema, { kind: NoticeKind.DURATION, message }));
    this.end("its time has passed");
  }

  #notify(notice: Notice): boolean {
    return this.#send({ case: "notice", value: notice });
  }

  #send(message: MessageInitShape<typeof WatchResponseSchema>["message"] & object): boolean {
    return this.#options.outgoing.send(toBinary(WatchResponseSchema, create(WatchResponseSchema, { message })));
  }

  #closed(end: OutgoingEnd): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#members.stop();
    const seconds = Math.round((performance.now() - this.#startedAt) / 100) / 10;
    const why = this.#why === "" ? WHY[end] : this.#why;
    this.#why = why;
    this.#options.onEnd({ requests: this.#requests, dropped: this.#gate.dropped, seconds, why });
  }
}
