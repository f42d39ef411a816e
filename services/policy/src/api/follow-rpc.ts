import type { ConnectError, HandlerContext } from "@connectrpc/connect";
import type { FollowRequest, FollowResponse } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { caller } from "@patchbay/runtime";
import type { Subscribers } from "../engine/subscribers.ts";
import { createFollowSession, type FollowSession } from "./follow-session.ts";

/** Follow for callers that do not come over binary HTTP/2; those go to `follow-stream.ts`. Both share the same followers. */
export function createFollow(followers: Subscribers) {
  return async function* follow(
    requests: AsyncIterable<FollowRequest>,
    context: HandlerContext,
  ): AsyncGenerator<FollowResponse> {
    const latest = createLatest();
    const session = createFollowSession(followers, caller(context), {
      deliver: (update) => latest.put(update.message()),
      end: (error) => latest.end(error),
    });
    context.signal.addEventListener("abort", () => latest.end(), { once: true });
    void receiveAll(requests, session).then(latest.end, latest.end);
    try {
      yield* latest.values();
    } finally {
      session.leave();
    }
  };
}

async function receiveAll(requests: AsyncIterable<FollowRequest>, session: FollowSession): Promise<undefined> {
  for await (const request of requests) session.receive(request);
  return undefined;
}

interface Latest {
  put(message: FollowResponse): void;
  end(error?: ConnectError | Error): void;
  values(): AsyncGenerator<FollowResponse>;
}

/** The reader gets only the latest that it has not seen. */
function createLatest(): Latest {
  let held: FollowResponse | undefined;
  let ended: { readonly error: unknown } | undefined;
  let wake: () => void = () => undefined;
  return {
    put(message) {
      held = message;
      wake();
    },
    end(error) {
      ended ??= { error };
      wake();
    },
    async *values() {
      for (;;) {
        if (ended?.error !== undefined) throw ended.error;
        const next = held;
        held = undefined;
        if (next) yield next;
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
