import { fromBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Authority, type Backoff, createBackoff, printable, rendezvousOrder } from "@patchbay/model";
import { type ResolveResponse, ResolveResponseSchema } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { type Answer, failed } from "../core/answer.ts";
import { LimitError, type Limits, MAX_MESSAGE, readAnswer } from "../core/limits.ts";
import { seconds } from "../core/query.ts";
import type { Gate } from "./gate.ts";
import type { Use } from "./plugin-hook.ts";
import type { PluginInstance, StreamEnd } from "./plugin-instance.ts";
import type { OnResolverEvent } from "./resolver.ts";

export interface PluginQueryOptions {
  readonly authority: Authority;
  /** The encoded ResolveRequest. */
  readonly request: Uint8Array;
  readonly tell: OnResolverEvent;
  readonly deadlineMs: number;
  /** Longest wait between tries. */
  readonly maxRetryMs: number;
  /** Limits how many first answers of the plugin are waited for at a time. */
  readonly gate: Gate;
  instances(): readonly PluginInstance[];
  limits(): Limits;
  now(): number;
  /** Counts an answer that broke a rule. */
  onViolation(rule: string): void;
}

/** One authority, asked of one plugin: exactly one stream that answers, on one of its instances. */
export interface PluginQuery {
  /** Instances came, went or changed their state. */
  instancesChanged(): void;
  close(): void;
}

/** A stream and what it has done so far. */
interface Attempt {
  readonly instance: PluginInstance;
  answered: boolean;
  /** Its deadline has passed. */
  late: boolean;
  lastMessage: Buffer | undefined;
  readonly openedAt: number;
  /** Stops it without a further event. */
  stop(): void;
  /** It need not be waited for any more. */
  settled(): void;
}

const usable: ReadonlySet<Use> = new Set<Use>(["ready", "doubtful"]);
/** A stream that lived this long was sound: its end begins a new series of tries. */
const SOUND_MS = 5_000;
const MIN_RETRY_MS = 100;
const MIN_TTL_MS = 100;
const MAX_TTL_MS = 3_600_000;

export function queryPlugin(options: PluginQueryOptions): PluginQuery {
  const question = new Conversation(options);
  question.begin();
  return question;
}

/**
 * Keeps a stream open on the instance that rendezvous hashing picks among the ready ones.
 *
 * When it ends, every other usable instance is tried before the break is told; then it is tried again and again. A stream that is
 * late is kept, since its answer still counts, while others are tried beside it; the first to answer serves, the rest are ended.
 */
class Conversation implements PluginQuery {
  readonly #options: PluginQueryOptions;
  readonly #backoff: Backoff;
  readonly #trying = new Set<Attempt>();
  readonly #tried = new Set<string>();
  #serving: Attempt | undefined;
  #everAnswered = false;
  /** Waiting for the next try, or for the end of a time to live. */
  #timer: NodeJS.Timeout | undefined;
  #resting = false;
  #closed = false;

  constructor(options: PluginQueryOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ minMs: MIN_RETRY_MS, maxMs: Math.max(options.maxRetryMs, MIN_RETRY_MS) });
  }

  begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#resting = false;
    this.#tried.clear();
    if (!this.#tryNext()) this.#giveUp({ reason: this.#whyNobody(), hard: this.#trying.size === 0 });
  }

  instancesChanged(): void {
    if (this.#closed) return;
    for (const attempt of this.#attempts()) {
      const { use, reason } = attempt.instance;
      if (use !== "broken" && use !== "left") continue;
      attempt.stop();
      this.#ended(attempt, { reason: reason || "it is gone", hard: false });
    }
    const moving = this.#serving?.instance.use === "draining" && this.#trying.size === 0;
    if (moving) {
      this.#tried.clear();
      this.#tryNext();
    } else if (this.#isIdle() && this.#candidate()) this.begin();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const attempt of this.#attempts()) attempt.stop();
  }

  #attempts(): readonly Attempt[] {
    return this.#serving ? [this.#serving, ...this.#trying] : [...this.#trying];
  }

  /** Nothing is open that is still expected to answer. */
  #isIdle(): boolean {
    return !this.#serving && !this.#resting && [...this.#trying].every(({ late }) => late);
  }

  /** Usable instances on which no stream is open. */
  #free(): readonly PluginInstance[] {
    const taken = new Set(this.#attempts().map(({ instance }) => instance));
    return this.#options.instances().filter((instance) => !taken.has(instance) && usable.has(instance.use));
  }

  /** Ready ones first; within them the order that every replica has. */
  #candidate(): PluginInstance | undefined {
    const now = this.#options.now();
    const open = this.#free().filter(({ id, breaker }) => !this.#tried.has(id) && (breaker.opensAt() ?? 0) <= now);
    const ready = open.filter(({ use }) => use === "ready");
    return rendezvousOrder(this.#options.authority.key, ready.length > 0 ? ready : open, ({ id }) => id)[0];
  }

  /** False when there is nobody left to try. */
  #tryNext(): boolean {
    const instance = this.#candidate();
    if (!instance?.breaker.admits(this.#options.now())) return false;
    this.#tried.add(instance.id);
    this.#trying.add(this.#open(instance));
    return true;
  }

  #open(instance: PluginInstance): Attempt {
    const { gate, request, deadlineMs, now } = this.#options;
    let deadline: NodeJS.Timeout | undefined;
    let stream: { cancel(): void } | undefined;
    const leave = { gate: (): void => undefined };
    const settled = (): void => {
      clearTimeout(deadline);
      leave.gate();
    };
    const attempt: Attempt = {
      instance,
      answered: false,
      late: false,
      lastMessage: undefined,
      openedAt: now(),
      settled,
      stop() {
        settled();
        stream?.cancel();
      },
    };
    const enter = (): void => {
      deadline = setTimeout(() => this.#late(attempt), deadlineMs);
      stream = instance.open(request, {
        onMessage: (message) => this.#heard(attempt, message),
        onEnd: (end) => this.#ended(attempt, end),
      });
    };
    leave.gate = gate.pass(enter);
    return attempt;
  }

  #heard(attempt: Attempt, message: Buffer): void {
    if (this.#closed) return;
    if (!attempt.answered) this.#takeOver(attempt);
    if (attempt.lastMessage?.equals(message)) return;
    attempt.lastMessage = message;
    const { answer, ttlMs } = this.#read(message);
    this.#everAnswered = true;
    this.#options.tell({ kind: "answer", answer, instance: attempt.instance.id, cached: ttlMs !== undefined });
    if (ttlMs !== undefined) this.#rest(attempt, ttlMs);
  }

  /** The first answer: this stream serves from now on, the others end. */
  #takeOver(attempt: Attempt): void {
    attempt.answered = true;
    attempt.settled();
    attempt.instance.breaker.succeeded();
    this.#trying.delete(attempt);
    for (const other of this.#attempts()) other.stop();
    this.#trying.clear();
    this.#serving = attempt;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #read(message: Buffer): { answer: Answer; ttlMs: number | undefined } {
    const { authority, limits, onViolation } = this.#options;
    try {
      const response = decode(message);
      return { answer: readAnswer(response, authority, limits()), ttlMs: ttlOf(response) };
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      onViolation(error.rule);
      return { answer: failed(printable(error.message, MAX_MESSAGE)), ttlMs: undefined };
    }
  }

  /** The answer is good for a while without a stream. */
  #rest(attempt: Attempt, ttlMs: number): void {
    attempt.stop();
    this.#serving = undefined;
    this.#resting = true;
    this.#timer = setTimeout(() => this.begin(), ttlMs);
  }

  #late(attempt: Attempt): void {
    attempt.late = true;
    attempt.settled();
    attempt.instance.breaker.failed(this.#options.now());
    if (this.#tryNext() || !this.#isIdle()) return;
    const reason = `${attempt.instance.id}: no answer within ${seconds(this.#options.deadlineMs)}`;
    this.#giveUp({ reason, hard: false });
  }

  #ended(attempt: Attempt, end: StreamEnd): void {
    if (this.#closed) return;
    attempt.settled();
    const now = this.#options.now();
    const wasServing = this.#serving === attempt;
    if (wasServing) {
      this.#serving = undefined;
      this.#tried.clear();
      this.#tried.add(attempt.instance.id);
      if (now - attempt.openedAt > SOUND_MS) this.#backoff.reset();
    } else attempt.instance.breaker.failed(now);
    this.#trying.delete(attempt);
    if (this.#serving || this.#tryNext() || !this.#isIdle()) return;
    const reason = attempt.answered || this.#everAnswered ? end.reason : `ended without an answer: ${end.reason}`;
    this.#giveUp({ reason: `${attempt.instance.id}: ${reason}`, hard: end.hard });
  }

  #giveUp({ reason, hard }: StreamEnd): void {
    this.#tried.clear();
    this.#options.tell({ kind: "broken", reason, hard });
    clearTimeout(this.#timer);
    // With nobody to try, news of the instances begin again.
    if (this.#free().length > 0) this.#timer = setTimeout(() => this.begin(), this.#backoff.next());
  }

  #whyNobody(): string {
    const instances = this.#options.instances();
    if (this.#trying.size > 0) return "no answer yet";
    if (this.#free().length > 0) return "failed several times in a row; it is tried again in a moment";
    const reasons = instances.map(({ id, reason }) => (reason ? `${id}: ${reason}` : "")).filter(Boolean);
    return `no instance is ready${reasons.length > 0 ? ` (${reasons.join("; ")})` : ""}`;
  }
}

function decode(message: Buffer): ResolveResponse {
  try {
    return fromBinary(ResolveResponseSchema, message);
  } catch {
    throw new LimitError("not-protobuf", "sent bytes that are no ResolveResponse");
  }
}

/** Only an absent answer may carry a time to live. */
function ttlOf({ answer }: ResolveResponse): number | undefined {
  if (answer.case !== "absent" || !answer.value.ttl) return undefined;
  const ms = durationMs(answer.value.ttl);
  return ms > 0 ? Math.min(Math.max(ms, MIN_TTL_MS), MAX_TTL_MS) : undefined;
}
