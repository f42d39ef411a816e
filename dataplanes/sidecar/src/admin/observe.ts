import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ObserveRequestSchema, ObserveResponseSchema } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { createOutgoing, endStream, type RawCall, type RawStreamHandler, readOneRequest } from "@patchbay/runtime";
import type { Taps } from "../sources/taps.ts";

export const OBSERVE_PATH = "/mesh.proxy.v1.Proxy/Observe";

/** What waits for a slow tap service. */
const MAX_MESSAGES = 400;
const MAX_BYTES = 1024 * 1024;

const STARTED = toBinary(
  ObserveResponseSchema,
  create(ObserveResponseSchema, { message: { case: "started", value: {} } }),
);

/** mesh.proxy.v1.Proxy/Observe on the HTTP/2 stream itself. It ends with its caller, however that goes. */
export function createObserve(taps: Pick<Taps, "open">): RawStreamHandler {
  return (stream, call) => {
    if (call.caller.kind !== "core") return endStream(stream, call.protocol, notForYou(call));
    readOneRequest({ stream, call, schema: ObserveRequestSchema }, (request) => {
      const outlet: { send(message: Uint8Array): boolean } = { send: () => false };
      // First whether it may be: an error has to be the first thing that is said.
      const close = taps.open(request, (message) => outlet.send(message));
      const { protocol } = call;
      const outgoing = createOutgoing({ stream, protocol, maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES });
      outgoing.onClose(close);
      outgoing.send(STARTED);
      outlet.send = (message) => outgoing.send(message);
    });
  };
}

function notForYou({ caller }: RawCall): ConnectError {
  return new ConnectError(
    `${caller.kind} "${caller.name}" may not look into a proxy; only core services may. People ask them: mesh tap`,
    Code.PermissionDenied,
  );
}
