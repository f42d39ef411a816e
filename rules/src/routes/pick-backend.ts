import type { Backend, RouteRule } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

/**
 * One of a rule's backends by their weights; `random` is in [0, 1). Undefined: all weights are 0, or there are no
 * backends (the caller distinguishes: then the target itself serves).
 */
export function pickBackend({ backends }: Pick<RouteRule, "backends">, random: number): Backend | undefined {
  // Sums of 32-bit weights are exact in a double.
  let total = 0;
  for (const { weight } of backends) total += weight;
  if (total === 0) return undefined;
  let left = random * total;
  let last: Backend | undefined;
  for (const backend of backends) {
    if (backend.weight === 0) continue;
    last = backend;
    left -= backend.weight;
    if (left < 0) return backend;
  }
  return last;
}
