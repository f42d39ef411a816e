import { constants, type Http2Stream } from "node:http2";
import type { HeaderList } from "@patchbay/model";
import { fieldRecord } from "../../core/http/http2-fields.ts";

/** Ends a stream that waits for its trailers. Without any, an empty DATA frame ends it. */
export function sendTrailersOf(stream: Http2Stream, trailers: HeaderList): void {
  if (stream.destroyed || stream.closed) return;
  try {
    stream.sendTrailers(fieldRecord(trailers));
  } catch {
    // Not valid in HTTP/2. The message must not look complete without them.
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
