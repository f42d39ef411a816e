import { create, toBinary } from "@bufbuild/protobuf";
import { ObserveResponseSchema } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { NoticeKind, NoticeSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { Withheld } from "./tap-window.ts";

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
