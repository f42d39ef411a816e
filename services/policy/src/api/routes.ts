import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { createMailbox } from "@patchbay/model";
import {
  type ListObjectivesResponseSchema,
  Policy,
  type WatchRequest,
  type WatchResponse,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { caller, requireKind } from "@patchbay/runtime";
import type { HookCalls } from "../engine/hooks/hook-calls.ts";
import type { Subscribers } from "../engine/subscribers.ts";
import type { createExplain } from "./explain.ts";
import { createFollowSession, type FollowSession } from "./follow-session.ts";
import type { createStatus } from "./status.ts";

export interface RoutesOptions {
  readonly subscribers: Subscribers;
  readonly status: ReturnType<typeof createStatus>;
  readonly hooks: HookCalls;
  readonly explain: ReturnType<typeof createExplain>;
  listObjectives(): MessageInitShape<typeof ListObjectivesResponseSchema>;
}

export function createRoutes(options: RoutesOptions): (router: ConnectRouter) => void {
  const { subscribers, status, hooks, explain, listObjectives } = options;
  return (router) => {
    router.service(Policy, {
      watch: createFollow(subscribers),
      authorize: (request, context) => hooks.authorize(requireKind(context, "proxy"), request),
      lease: (request, context) => hooks.lease(requireKind(context, "proxy"), request),
      status(_request, context) {
        requireKind(context, "core", "operator");
        return status();
      },
      explain(request, context) {
        requireKind(context, "core", "operator");
        return explain(request);
      },
      listObjectives(_request, context) {
        requireKind(context, "core", "operator");
        return listObjectives();
      },
    });
  };
}

/** Follow for callers that do not come over binary HTTP/2; those go to `follow-stream.ts`. Both share the same subscribers. */
function createFollow(subscribers: Subscribers) {
  return async function* follow(
    requests: AsyncIterable<WatchRequest>,
    context: HandlerContext,
  ): AsyncGenerator<WatchResponse> {
    const latest = createMailbox<WatchResponse>();
    const session = createFollowSession(subscribers, caller(context), {
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
