/** A source of values whose reader gets only the latest that it has not seen. */
export interface Latest<Value> extends AsyncIterable<Value> {
  put(value: Value): void;
}

/** Ends when the signal aborts. */
export function createLatest<Value>(signal: AbortSignal): Latest<Value> {
  let held: { readonly value: Value } | undefined;
  let wake: (() => void) | undefined;
  signal.addEventListener("abort", () => wake?.(), { once: true });
  const changed = async (): Promise<void> => {
    if (held || signal.aborted) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  };
  return {
    put(value) {
      held = { value };
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        await changed();
        if (signal.aborted) return;
        const next = held;
        held = undefined;
        if (next) yield next.value;
      }
    },
  };
}
