import { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { caller, requireKind } from "@patchbay/runtime";
import type { Claims } from "@patchbay/wire";
import type { Followers } from "../followers.ts";
import { createFollow } from "./follow-rpc.ts";
import type { createStatus } from "./status.ts";

type Api = ServiceImpl<typeof Policy>;
type AuthorizeMethod = Parameters<Api["authorize"]>[0];
type LeaseMethod = Parameters<Api["lease"]>[0];
type Answer<Method extends keyof Api> = Awaited<ReturnType<Api[Method]>>;

/** Questions to plugins. Each throws ConnectErrors as the proto says. */
export interface HookCalls {
  /** `claims` prove whose workload it is. */
  authorize(claims: Claims, request: AuthorizeMethod, signal: AbortSignal): Promise<Answer<"authorize">>;
  lease(claims: Claims, request: LeaseMethod, signal: AbortSignal): Promise<Answer<"lease">>;
}

export interface RoutesOptions {
  readonly followers: Followers;
  readonly status: ReturnType<typeof createStatus>;
  readonly explain?: Api["explain"];
  readonly hooks?: HookCalls;
  readonly listObjectives?: Api["listObjectives"];
}

export function createRoutes(options: RoutesOptions): (router: ConnectRouter) => void {
  const { followers, status, hooks, explain, listObjectives } = options;
  return (router) => {
    router.service(Policy, {
      follow: createFollow(followers),
      authorize: (request, context) => hooksOr(hooks).authorize(proxy(context), request, context.signal),
      lease: (request, context) => hooksOr(hooks).lease(proxy(context), request, context.signal),
      status(_request, context) {
        requireKind(context, "core", "operator");
        return status();
      },
      explain(request, context) {
        requireKind(context, "core", "operator");
        if (!explain) throw notYet("Explain");
        return explain(request, context);
      },
      listObjectives(request, context) {
        requireKind(context, "core", "operator");
        if (!listObjectives) throw notYet("ListObjectives");
        return listObjectives(request, context);
      },
    });
  };
}

function proxy(context: HandlerContext): Claims {
  requireKind(context, "proxy");
  return caller(context);
}

function hooksOr(hooks: HookCalls | undefined): HookCalls {
  if (hooks) return hooks;
  throw notYet("asking plugins");
}

function notYet(what: string): ConnectError {
  return new ConnectError(`${what} is not offered by this policy service`, Code.Unimplemented);
}
