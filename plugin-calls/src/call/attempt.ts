import type { DescMethod } from "@bufbuild/protobuf";
import type { Cancel, Clock } from "@patchbay/model";
import type { OpenStream, StreamEnd } from "../channel/listen.ts";
import type { PluginInstance } from "../directory/plugin-instance.ts";
import type { Gate } from "./gate.ts";

/** A stream to one instance, and what it has done so far. */
export interface Attempt {
  readonly instance: PluginInstance;
  /** On the clock of `now`. */
  readonly openedAt: number;
  answered: boolean;
  /** Its deadline has passed. */
  late: boolean;
  lastMessage: Buffer | undefined;
  /** Opens the stream as soon as the gate lets it. */
  start(): void;
  /** Ends it without a further event. */
  stop(): void;
  /** It need not be waited for any more. */
  settled(): void;
}

export interface AttemptOptions {
  readonly method: DescMethod;
  readonly request: Uint8Array;
  /** Time to the first answer, once the gate has let it. */
  readonly deadlineMs: number;
  /** Rest after each message. */
  readonly restMs: number;
  readonly gate: Gate;
  readonly clock: Clock;
}

export interface AttemptEvents {
  onMessage(message: Buffer): void;
  onEnd(end: StreamEnd): void;
  onLate(): void;
}

export function createAttempt(instance: PluginInstance, options: AttemptOptions, events: AttemptEvents): Attempt {
  const { method, request, deadlineMs, restMs, gate, clock } = options;
  let cancelDeadline: Cancel | undefined;
  let leaveGate: (() => void) | undefined;
  let stream: OpenStream | undefined;
  const listener = { ...events, restMs, after: (ms: number, work: () => void) => clock.after(ms, work) };
  const enter = (): void => {
    cancelDeadline = clock.after(deadlineMs, events.onLate);
    stream = instance.channel.stream(method, request, listener);
  };
  const settled = (): void => {
    cancelDeadline?.();
    leaveGate?.();
  };
  return {
    instance,
    openedAt: clock.now(),
    answered: false,
    late: false,
    lastMessage: undefined,
    start() {
      leaveGate = gate.pass(enter);
    },
    settled,
    stop() {
      settled();
      stream?.cancel();
    },
  };
}
