import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { ReportRequest, ReportResponseSchema } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import { requireKind } from "@patchbay/runtime";
import type { Ingest } from "../engine/ingest.ts";
import type { Presence } from "../engine/presence.ts";
import { createSession } from "../engine/session.ts";

/** The Report method for clients that the raw stream does not serve: JSON, compression, gRPC-Web. One report at a time. */
export function createReportRpc(ingest: Ingest, presence: Presence) {
  return async function* report(
    requests: AsyncIterable<ReportRequest>,
    context: HandlerContext,
  ): AsyncGenerator<MessageInitShape<typeof ReportResponseSchema>> {
    const session = createSession(requireKind(context, "proxy"));
    presence.enter(session);
    try {
      for await (const request of requests) {
        const { sequence, refused } = await ingest.take(request.report, session);
        yield { sequence: BigInt(sequence), rejectionReason: refused };
      }
    } finally {
      presence.leave(session);
    }
  };
}
