import { Code } from "@connectrpc/connect";
import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { type Cancel, type Clock, errorMessage } from "@patchbay/model";
import { codeName, codeOf, pluginReason } from "./call-error.ts";

/** Takes in what comes from a stream. */
export interface StreamListener {
  /** After each message the stream rests this long, so that a plugin that floods delays itself. */
  readonly restMs: number;
  readonly after: Clock["after"];
  onMessage(message: Buffer): void;
  onEnd(end: StreamEnd): void;
}

/** Why a stream is over. */
export interface StreamEnd {
  readonly reason: string;
  /** Trying again soon is useless. */
  readonly hard: boolean;
}

export interface OpenStream {
  cancel(): void;
}

/** Codes by which a plugin says that it will not answer this, whenever it is asked. */
const HARD_CODES: ReadonlySet<Code> = new Set([
  Code.Unimplemented,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.InvalidArgument,
]);

export function listen(call: ClientReadableStream<Buffer>, listener: StreamListener): OpenStream {
  const { restMs, after, onMessage, onEnd } = listener;
  let over = false;
  let cancelRest: Cancel | undefined;
  const end = (what: StreamEnd): void => {
    if (over) return;
    over = true;
    cancelRest?.();
    onEnd(what);
  };
  call.on("data", (message: Buffer) => {
    if (over) return;
    onMessage(message);
    call.pause();
    cancelRest = after(restMs, () => call.resume());
  });
  call.on("error", (error: ServiceError) => end({ reason: reasonOf(error), hard: HARD_CODES.has(codeOf(error)) }));
  call.on("end", () => end({ reason: "it ended the stream", hard: false }));
  return {
    cancel() {
      over = true;
      cancelRest?.();
      call.cancel();
    },
  };
}

function reasonOf(error: ServiceError): string {
  const reason = pluginReason(error.details);
  return `${codeName(error)}: ${reason === "" ? errorMessage(error) : reason}`.slice(0, 512);
}
