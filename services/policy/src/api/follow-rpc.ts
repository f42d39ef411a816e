import type { HandlerContext } from "@connectrpc/connect";
import { createMailbox } from "@patchbay/model";
import type { WatchRequest, WatchResponse } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { caller } from "@patchbay/runtime";
import type { Subscribers } from "../engine/subscribers.ts";
import { createFollowSession, type FollowSession } from "./follow-session.ts";

/** Follow for callers that do not come over binary HTTP/2; those go to `follow-stream.ts`. Both share the same followers. */
export function createFollow(followers: Subscribers) {
  return async function* follow(
    requests: AsyncIterable<WatchRequest>,
    context: HandlerContext,
  ): AsyncGenerator<WatchResponse> {
    const latest = createMailbox<WatchResponse>();
    const session = createFollowSession(followers, caller(context), {
      deliver: (update) => latest.put(update.message()),
      end: latest.end,
    });
    context.signal.addEventListener("abort", () => latest.end(), { once: true });
    void receiveAll(requests, session).then(() => latest.end(), latest.end);
    try {
      yield* latest;
    } finally {
      session.leave();
    }
  };
}

async function receiveAll(requests: AsyncIterable<WatchRequest>, session: FollowSession): Promise<void> {
  for await (const request of requests) session.receive(request);
}
