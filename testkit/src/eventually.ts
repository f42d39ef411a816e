import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

type NotYet = false | null | undefined;
type Check<T> = () => T | NotYet | Promise<T | NotYet>;

/** More than any machine needs, however busy; less than a test may take. */
const LIMIT_MS = 30_000;
const STEP_MS = 5;

/**
 * Waits until `check` returns something other than undefined, null and false, and returns it. What it throws counts as "not yet".
 *
 * @param limitMs for what installs packages or starts a mesh.
 * @throws Error after 30 s, with what was last seen.
 */
export function eventually<T>(check: Check<T>, limitMs?: number): Promise<T>;
/** The same, with words for what is waited for. */
export function eventually<T>(what: string, check: Check<T>): Promise<T>;
export function eventually<T>(first: string | Check<T>, second?: Check<T> | number): Promise<T> {
  const check = typeof first === "string" ? second : first;
  if (typeof check !== "function") throw new TypeError("eventually needs something to check");
  const limitMs = typeof second === "number" ? second : LIMIT_MS;
  return poll(String(first), limitMs, async () => {
    const seen = await check();
    return seen === undefined || seen === null || seen === false ? { seen } : { value: seen };
  });
}

/** Waits until `work`, which asserts or asks, no longer throws, and returns its result. */
export function untilPasses<T>(work: () => T | Promise<T>): Promise<T> {
  return poll(String(work), LIMIT_MS, async () => ({ value: await work() }));
}

async function poll<T>(
  what: string,
  limitMs: number,
  look: () => Promise<{ value: T } | { seen: unknown }>,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    let last: unknown;
    try {
      const found = await look();
      if ("value" in found) return found.value;
      last = found.seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(notSo(what, limitMs, last), { cause: last });
    await delay(STEP_MS);
  }
}

function notSo(what: string, limitMs: number, last: unknown): string {
  const seen = last instanceof Error ? last.message : inspect(last);
  return `not so after ${limitMs / 1_000} s: ${what}\nlast seen: ${seen}`;
}
