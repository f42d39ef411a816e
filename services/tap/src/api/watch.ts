import { Code, ConnectError } from "@connectrpc/connect";
import { WatchRequestSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import {
  type AppContext,
  createOutgoing,
  endStream,
  type RawCall,
  type RawStreamHandler,
  readOneRequest,
} from "@patchbay/runtime";
import { describeSelector } from "../core/audit.ts";
import { readTapRequest, type TapRequest, TapRequestError } from "../core/tap-request.ts";
import { Session, type SessionSummary } from "../engine/session.ts";
import type { Dialler } from "../sources/dialler.ts";
import { findService } from "./find-service.ts";

export const WATCH_PATH = "/mesh.tap.v1.Tap/Watch";
export const MAX_SESSIONS = 64;

/** What waits for a slow reader. */
const MAX_MESSAGES = 2_000;
const MAX_BYTES = 2 * 1024 * 1024;

export interface WatchesOptions {
  readonly context: Pick<AppContext, "view" | "locate" | "log" | "settings">;
  readonly dialler: Dialler;
  onEnd?(summary: SessionSummary): void;
}

/** All taps of this replica. */
export interface Watches {
  readonly handler: RawStreamHandler;
  count(): number;
  /** Ends all; callers come back elsewhere. Resolves when all have heard it. */
  stop(): Promise<void>;
}

export function createWatches(options: WatchesOptions): Watches {
  const { context, dialler } = options;
  /** Taken when the call is accepted, so that a herd cannot slip in while services are looked up. */
  let taken = 0;
  const sessions = new Set<Session>();
  let drained: (() => void) | undefined;

  const begin = async (asked: TapRequest, call: RawCall, stream: Parameters<RawStreamHandler>[0]): Promise<void> => {
    if (asked.selector.target !== "") await findService(context, asked.selector.target);
    if (stream.destroyed) return give();
    const { protocol } = call;
    const { stuckReaderMs: stuckMs } = context.settings;
    const outgoing = createOutgoing({ stream, protocol, maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES, stuckMs });
    const session: Session = new Session({
      asked,
      outgoing,
      view: context.view,
      dialler,
      onEnd(summary) {
        sessions.delete(session);
        if (sessions.size === 0) drained?.();
        give();
        audit(context.log, { asked, call, summary });
        options.onEnd?.(summary);
      },
    });
    sessions.add(session);
  };
  const give = (): void => {
    taken -= 1;
  };
  return {
    count: () => sessions.size,
    handler(stream, call) {
      if (call.caller.kind !== "operator" && call.caller.kind !== "core")
        return endStream(stream, call.protocol, notForYou(call));
      readOneRequest({ stream, call, schema: WatchRequestSchema }, async (request) => {
        const asked = read(request);
        if (taken >= MAX_SESSIONS) throw tooMany();
        taken += 1;
        try {
          await begin(asked, call, stream);
        } catch (error) {
          give();
          throw error;
        }
      });
    },
    stop() {
      const error = new ConnectError("this replica is stopping; ask again", Code.Unavailable);
      return new Promise<void>((resolve) => {
        drained = resolve;
        if (sessions.size === 0) resolve();
        for (const session of sessions) session.end("the service is stopping", error);
      });
    },
  };
}

function read(request: Parameters<typeof readTapRequest>[0]): TapRequest {
  try {
    return readTapRequest(request);
  } catch (error) {
    if (error instanceof TapRequestError) throw new ConnectError(error.message, Code.InvalidArgument);
    throw error;
  }
}

interface Audited {
  readonly asked: TapRequest;
  readonly call: RawCall;
  readonly summary: SessionSummary;
}

/** Who has seen what, for how long, and how much of it. */
function audit(log: AppContext["log"], { asked, call, summary }: Audited): void {
  const { kind, namespace, name, instance } = call.caller;
  const who = { caller: `${kind}/${namespace}/${name}/${instance}`, asker: asked.asker };
  const { requests, dropped, seconds, why } = summary;
  log.info(
    { ...who, what: describeSelector(asked.selector), seconds, requests, dropped: Number(dropped), why },
    "tap ended",
  );
}

function tooMany(): ConnectError {
  return new ConnectError(
    `${MAX_SESSIONS} taps run at this replica already, the most at a time; end one of them, or wait`,
    Code.ResourceExhausted,
  );
}

function notForYou({ caller }: RawCall): ConnectError {
  return new ConnectError(
    `${caller.kind} "${caller.name}" may not look at requests; operators may`,
    Code.PermissionDenied,
  );
}
