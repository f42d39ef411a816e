import type { Duration } from "@bufbuild/protobuf/wkt";

/** Rounded up to whole milliseconds; 0: unset, zero or negative. */
export function milliseconds(duration: Duration | undefined): number {
  if (duration === undefined) return 0;
  const ms = Number(duration.seconds) * 1000 + duration.nanos / 1e6;
  // Timers of Node.js count to 2^31 - 1.
  return ms > 0 ? Math.min(Math.ceil(ms), 2_147_483_647) : 0;
}
