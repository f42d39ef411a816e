import type { Http2Stream, OutgoingHttpHeaders } from "node:http2";
import type { HeaderList } from "../core/header-kinds.ts";

/** Ends a stream that waits for its trailers. Without any, an empty DATA frame ends it. */
export function sendTrailersOf(stream: Http2Stream, trailers: HeaderList): void {
  if (stream.destroyed || stream.closed) return;
  const fields: Record<string, string | string[]> = {};
  for (let i = 0; i + 1 < trailers.length; i += 2) {
    const name = (trailers[i] ?? "").toLowerCase();
    const value = trailers[i + 1] ?? "";
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else fields[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  const headers: OutgoingHttpHeaders = fields;
  stream.sendTrailers(headers);
}
