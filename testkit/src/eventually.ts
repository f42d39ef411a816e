import { setTimeout as delay } from "node:timers/promises";

type NotYet<T> = T | false | null | undefined;

/**
 * Waits until `check` returns something truthy, and returns it. What it throws counts as "not yet".
 *
 * @throws Error after `timeoutMs` (default 5 s), with what was last thrown.
 */
export async function eventually<T>(check: () => NotYet<T> | Promise<NotYet<T>>, timeoutMs = 5000): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== null && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`did not happen within ${timeoutMs} ms: ${String(check)}`, { cause: last });
    await delay(10);
  }
}
