const MAX_REMEMBERED = 1_000;

/** Whether something was said within the last `ms`; asking counts as saying. For logs that others could flood. */
export function createLogThrottle(ms: number): (what: string) => boolean {
  const said = new Map<string, number>();
  return (what) => {
    const now = performance.now();
    const lately = now - (said.get(what) ?? -Infinity) < ms;
    if (lately) return true;
    if (said.size >= MAX_REMEMBERED) said.clear();
    said.set(what, now);
    return false;
  };
}
