import { create } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { createMailbox } from "@patchbay/model";
import {
  Destination,
  type ExplainRequest,
  type ExplainResponse,
  type ListResolversResponse,
  ListResolversResponseSchema,
  type ResolveRequest,
  type ResolveResponse,
} from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { caller, requireKind } from "@patchbay/runtime";
import type { Update } from "../engine/update.ts";
import type { Watches } from "../engine/watches.ts";
import { readClientRequest } from "./client-request.ts";
import { encodeExplanation } from "./explanation.ts";
import type { Quota } from "./quota.ts";

export interface RoutesOptions {
  readonly watches: Watches;
  readonly quota: Quota;
  now(): number;
}

/**
 * The API in every protocol that the server speaks. `resolve-stream.ts` handles binary streams over HTTP/2; both share the
 * same watches.
 */
export function createRoutes(options: RoutesOptions): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Destination, {
      resolve: (request, context) => resolve(request, context, options),
      explain: (request, context) => explain(request, context, options),
      listResolvers(_request, context) {
        requireKind(context, "core", "operator", "proxy");
        return listResolvers(options.watches);
      },
    });
  };
}

async function* resolve(
  request: ResolveRequest,
  context: HandlerContext,
  { watches, quota }: RoutesOptions,
): AsyncGenerator<ResolveResponse> {
  const asked = readClientRequest(caller(context), request);
  const giveBack = quota.take(caller(context));
  const latest = createMailbox<Update>();
  context.signal.addEventListener("abort", () => latest.end(), { once: true });
  const leave = watches.subscribe(asked.authority, asked.context, { deliver: latest.put });
  try {
    for await (const update of latest) yield update.message;
  } finally {
    leave();
    giveBack();
  }
}

async function explain(
  request: ExplainRequest,
  context: HandlerContext,
  { watches, now }: RoutesOptions,
): Promise<ExplainResponse> {
  const asked = readClientRequest(caller(context), request);
  return encodeExplanation(await watches.explain(asked.authority, asked.context), now());
}

function listResolvers(watches: Watches): ListResolversResponse {
  return create(ListResolversResponseSchema, {
    resolvers: watches.resolvers().map(({ resolver, watched }) => ({
      name: resolver.spec.name,
      order: resolver.spec.order,
      ...resolver.status(),
      watched,
      authoritySuffixes: [...resolver.suffixes],
    })),
  });
}
