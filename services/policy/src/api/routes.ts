import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { type ListObjectivesResponseSchema, Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { requireKind } from "@patchbay/runtime";
import type { HookCalls } from "../engine/hooks/hook-calls.ts";
import type { Subscribers } from "../engine/subscribers.ts";
import type { createExplain } from "./explain.ts";
import { createFollow } from "./follow-rpc.ts";
import type { createStatus } from "./status.ts";

export interface RoutesOptions {
  readonly followers: Subscribers;
  readonly status: ReturnType<typeof createStatus>;
  readonly hooks: HookCalls;
  readonly explain: ReturnType<typeof createExplain>;
  listObjectives(): MessageInitShape<typeof ListObjectivesResponseSchema>;
}

export function createRoutes(options: RoutesOptions): (router: ConnectRouter) => void {
  const { followers, status, hooks, explain, listObjectives } = options;
  return (router) => {
    router.service(Policy, {
      watch: createFollow(followers),
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
