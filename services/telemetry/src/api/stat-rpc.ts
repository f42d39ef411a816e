import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { pause } from "@patchbay/model";
import {
  type StatRequest,
  StatRequestSchema,
  type StatResponse,
  type SubscribeRequest,
} from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { requireKind } from "@patchbay/runtime";
import type { Aggregate } from "../core/aggregate/aggregate.ts";
import type { ReportOwnership } from "../core/aggregate/report-ownership.ts";
import { stat } from "../core/query/stat.ts";
import { mergeResults } from "../core/query/stat-row.ts";
import { LOCAL_ONLY_HEADER, type Peers, SHARES_HEADER } from "../sources/peers.ts";
import { fromResponse, queryOf, secondsOf, toResponse } from "./stat-message.ts";

/** Each costs a Stat a second. */
const MAX_SUBSCRIBERS = 64;
const LONGEST_INTERVAL_S = 60;

export interface StatRpcOptions {
  readonly aggregate: Aggregate;
  readonly shares: ReportOwnership;
  readonly peers: Peers;
  /** The reports of before the start are not all read yet. */
  replaying(): boolean;
  now(): number;
}

/** Stat and Subscribe. */
export function createStatRpc(options: StatRpcOptions) {
  const { aggregate, shares, peers } = options;
  let subscribers = 0;

  const answerAlone = (request: StatRequest): StatResponse => {
    const result = stat(aggregate, queryOf(request), options.now());
    return toResponse(result, { partial: options.replaying(), missing: [] });
  };
  const answer = async (request: StatRequest): Promise<StatResponse> => {
    const own = answerAlone(request);
    const { window, groupBy, source, target, route, backend } = request;
    const question = { ...(window ? { window } : {}), groupBy, source, target, route, backend };
    const { answers, missing } = await peers.ask((client, call) => client.stat(question, call));
    if (answers.length === 0 && missing.length === 0) return own;
    const all = [own, ...answers];
    const partial = missing.length > 0 || all.some((response) => response.partial);
    return toResponse(mergeResults(all.map(fromResponse)), { partial, missing });
  };
  return {
    async stat(request: StatRequest, context: HandlerContext): Promise<StatResponse> {
      requireKind(context, "operator", "core");
      context.responseHeader.set(SHARES_HEADER, shares.own().join(","));
      if (context.requestHeader.has(LOCAL_ONLY_HEADER)) return answerAlone(request);
      return await answer(request);
    },
    async *subscribe({ query, interval }: SubscribeRequest, context: HandlerContext): AsyncGenerator<StatResponse> {
      requireKind(context, "operator", "core");
      const seconds = secondsOf("interval", interval, { longest: LONGEST_INTERVAL_S, otherwise: 1 });
      if (subscribers >= MAX_SUBSCRIBERS) {
        throw new ConnectError(`${MAX_SUBSCRIBERS} subscribers are the most that there may be`, Code.ResourceExhausted);
      }
      subscribers++;
      try {
        while (!context.signal.aborted) {
          yield await answer(query ?? create(StatRequestSchema));
          await pause(seconds * 1_000, context.signal);
        }
      } finally {
        subscribers--;
      }
    },
  };
}
