import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";

/** As durations are written in policies: "500ms", "1s", "1m30s", "24h". */
export function durationText(duration: Duration): string {
  const ms = durationMs(duration);
  const seconds = Math.floor(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 3_600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
    [ms % 1_000, "ms"],
  ] as const;
  return (
    parts
      .filter(([count]) => count > 0)
      .map(([count, unit]) => `${count}${unit}`)
      .join("") || "0s"
  );
}
