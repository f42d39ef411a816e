import type { HandlerContext } from "@connectrpc/connect";
import type { HealthRequest, HealthResponse } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { requireKind } from "@patchbay/runtime";
import { health } from "../core/query/health.ts";
import { mergeHealth } from "../core/query/health-row.ts";
import { LOCAL_ONLY_HEADER, SHARES_HEADER } from "../sources/peers.ts";
import { fromHealthResponse, healthQueryOf, toHealthResponse } from "./health-message.ts";
import type { StatRpcOptions } from "./stat-rpc.ts";

/** The method Health: answered and merged over replicas as Stat is. */
export function createHealthRpc({ aggregate, shares, peers, ...options }: StatRpcOptions) {
  return {
    async health(request: HealthRequest, context: HandlerContext): Promise<HealthResponse> {
      requireKind(context, "operator", "core");
      context.responseHeader.set(SHARES_HEADER, shares.own().join(","));
      const result = health(aggregate, healthQueryOf(request), options.now());
      const own = toHealthResponse(result, { partial: options.replaying(), missing: [] });
      if (context.requestHeader.has(LOCAL_ONLY_HEADER)) return own;
      const { window, source, target } = request;
      const { answers, missing } = await peers.ask((client, call) => client.health({ window, source, target }, call));
      if (answers.length === 0 && missing.length === 0) return own;
      const all = [own, ...answers];
      const partial = missing.length > 0 || all.some((response) => response.partial);
      return toHealthResponse(mergeHealth(all.map(fromHealthResponse)), { partial, missing });
    },
  };
}
