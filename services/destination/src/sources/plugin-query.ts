import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { HOOK_KINDS, printable } from "@patchbay/model";
import type { FailoverStream, Gate, HookedPlugin, PluginCalls } from "@patchbay/plugin-calls";
import {
  ResolveRequestSchema,
  type ResolveResponse,
  ResolveResponseSchema,
} from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { type Answer, failed } from "../core/answer.ts";
import type { Query } from "../core/chain.ts";
import { LimitError, type Limits, MAX_MESSAGE, readAnswer } from "../core/limits.ts";
import type { OnResolverEvent } from "./resolver.ts";

export interface PluginQueryOptions {
  readonly calls: Pick<PluginCalls, "openStream">;
  readonly plugin: HookedPlugin;
  readonly query: Query;
  readonly tell: OnResolverEvent;
  /** Longest wait between tries. */
  readonly maxRetryMs: number;
  /** Limits how many first answers of the plugin are waited for at a time. */
  readonly gate: Gate;
  limits(): Limits;
  /** Counts an answer that broke a rule. */
  onViolation(rule: string): void;
}

const MIN_TTL_MS = 100;
const MAX_TTL_MS = 3_600_000;

/** Asks one plugin for one authority, and turns the messages of its stream into answers for the chain. */
export function queryPlugin(options: PluginQueryOptions): FailoverStream {
  const { calls, plugin, query, tell, maxRetryMs, gate } = options;
  return calls.openStream({
    plugin,
    hook: HOOK_KINDS.resolve,
    request: encodeRequest(query),
    key: query.authority.key,
    maxRetryMs,
    gate,
    onMessage(message, instance) {
      const { answer, ttlMs } = read(message, options);
      tell({ kind: "answer", answer, instance, cached: ttlMs !== undefined });
      return ttlMs;
    },
    onBroken: ({ reason, hard }) => tell({ kind: "broken", reason, hard }),
  });
}

function encodeRequest({ authority, asker }: Query): Uint8Array {
  const { key, shortHost, port } = authority;
  const context = asker.context ? { context: asker.context } : {};
  return toBinary(
    ResolveRequestSchema,
    create(ResolveRequestSchema, { authority: key, host: shortHost, port, ...context }),
  );
}

function read(message: Uint8Array, { query, limits, onViolation }: PluginQueryOptions): Read {
  try {
    const response = decode(message);
    return { answer: readAnswer(response, query.authority, limits()), ttlMs: ttlOf(response) };
  } catch (error) {
    if (!(error instanceof LimitError)) throw error;
    onViolation(error.rule);
    return { answer: failed(printable(error.message, MAX_MESSAGE)), ttlMs: undefined };
  }
}

interface Read {
  readonly answer: Answer;
  /** How long it is good without a stream. */
  readonly ttlMs: number | undefined;
}

function decode(message: Uint8Array): ResolveResponse {
  try {
    return fromBinary(ResolveResponseSchema, message);
  } catch {
    throw new LimitError("not-protobuf", "sent bytes that are no ResolveResponse");
  }
}

/** Only an absent answer may carry a time to live. */
function ttlOf({ answer }: ResolveResponse): number | undefined {
  if (answer.case !== "absent" || !answer.value.ttl) return undefined;
  const ms = durationMs(answer.value.ttl);
  return ms > 0 ? Math.min(Math.max(ms, MIN_TTL_MS), MAX_TTL_MS) : undefined;
}
