import { create, toBinary } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { ObserveResponseSchema } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import {
  type Field,
  FieldSchema,
  NoticeKind,
  NoticeSchema,
  type Party,
  PartySchema,
  type Request,
  RequestSchema,
  type Selector,
} from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { isSecret, REDACTED } from "@patchbay/rules";
import type { ResponseHead } from "./response-head.ts";
import type { TapFacts } from "./tap-facts.ts";
import type { Withheld } from "./tap-window.ts";
import type { RequestRecord } from "./types.ts";

/** What of a request may leave the proxy. */
export interface Shown {
  /** Header names in lower case; "*": all. */
  readonly headers: ReadonlySet<string>;
  readonly query: boolean;
}

export function shownOf({ showHeaders, showQuery }: Selector): Shown {
  return { headers: new Set(showHeaders), query: showQuery };
}

export interface SeenRequest {
  readonly id: string;
  /** "namespace/name/instance" */
  readonly proxy: string;
  readonly facts: TapFacts;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly head: ResponseHead | undefined;
  /** Undefined: no answer yet. */
  readonly record: RequestRecord | undefined;
}

/** One request as it leaves the proxy, encoded. */
export function encodeRequest(seen: SeenRequest, shown: Shown): Uint8Array {
  return toBinary(
    ObserveResponseSchema,
    create(ObserveResponseSchema, { message: { case: "request", value: requestOf(seen, shown) } }),
  );
}

function requestOf({ id, proxy, facts, startedAt, head, record }: SeenRequest, shown: Shown): Request {
  const { begun } = facts;
  const request = create(RequestSchema, {
    id,
    proxy,
    inbound: begun.direction === "inbound",
    source: sourceOf(facts),
    target: targetOf(facts),
    started: timestamp(startedAt),
    method: begun.head.method,
    authority: begun.head.authority,
    path: shown.query ? begun.head.path : withoutQuery(begun.head.path),
    route: facts.route,
    protocol: facts.protocol,
    open: record === undefined,
    tls: facts.tls,
    requestHeaders: fieldsOf(begun.head.headers, shown.headers),
  });
  if (record !== undefined) complete(request, record);
  if (head !== undefined) request.responseHeaders = fieldsOf(head.headers, shown.headers);
  return request;
}

function complete(request: Request, record: RequestRecord): void {
  request.status = record.status;
  request.grpcStatus = record.grpcStatus === undefined ? 0 : record.grpcStatus + 1;
  request.latency = duration(record.latencyMs);
  request.requestBytes = BigInt(record.requestBytes);
  request.responseBytes = BigInt(record.responseBytes);
  request.attempts = record.attempts;
  request.error = record.error ?? "";
  request.policy = record.policy ?? "";
  request.traceId = record.trace?.traceId ?? "";
}

function sourceOf(facts: TapFacts): Party {
  const { source } = facts;
  const { peer } = facts.begun;
  return create(PartySchema, {
    name: peer.name,
    namespace: source.namespace,
    identity: source.identity,
    address: peer.address,
  });
}

function targetOf(facts: TapFacts): Party {
  const { namespace, backend = "", address = "" } = facts.target;
  return create(PartySchema, { name: facts.targetName, namespace, address, backend });
}

/** Names in lower case; secrets never leave. */
export function fieldsOf(headers: readonly string[], shown: ReadonlySet<string>): Field[] {
  const fields: Field[] = [];
  if (shown.size === 0) return fields;
  const all = shown.has("*");
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? "").toLowerCase();
    if (!all && !shown.has(name)) continue;
    fields.push(create(FieldSchema, { name, value: isSecret(name) ? REDACTED : (headers[i + 1] ?? "") }));
  }
  return fields;
}

function withoutQuery(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? path : path.slice(0, mark);
}

function timestamp(ms: number): Timestamp {
  return create(TimestampSchema, split(ms));
}

function duration(ms: number): Duration {
  return create(DurationSchema, split(ms));
}

function split(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1_000) * 1e6) };
}

const NOTICES: readonly (readonly [keyof Withheld, NoticeKind, string])[] = [
  ["overRate", NoticeKind.RATE_LIMITED, "matched more requests in a second than may be shown"],
  ["unread", NoticeKind.SLOW_READER, "was not read fast enough"],
  ["unexamined", NoticeKind.COST, "took its share of the proxy's time, so requests went by that nobody looked at"],
  ["failed", NoticeKind.EXPRESSION, "has an expression that could not be evaluated"],
];

/** What was withheld, one message for each reason, encoded. `failure`: what the expression failed with last. */
export function encodeNotices(withheld: Withheld, failure: string): Uint8Array[] {
  return NOTICES.filter(([what]) => withheld[what] > 0).map(([what, kind, text]) => {
    const message = kind === NoticeKind.EXPRESSION && failure !== "" ? `${text}: ${failure}` : text;
    const value = create(NoticeSchema, { kind, dropped: BigInt(withheld[what]), message: `the tap ${message}` });
    return toBinary(ObserveResponseSchema, create(ObserveResponseSchema, { message: { case: "notice", value } }));
  });
}
