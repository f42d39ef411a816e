/** Values by key, so many at most: one more pushes out the one that was used least recently. */
export interface LruCache<Value> {
  get(key: string): Value | undefined;
  /** Without counting as a use. */
  peek(key: string): Value | undefined;
  set(key: string, value: Value): void;
  getOrAdd(key: string, make: () => Value): Value;
  clear(): void;
  size(): number;
  /** How many were pushed out. */
  evicted(): number;
}

export function createLruCache<Value>(max: number): LruCache<Value> {
  // A Map keeps the order of insertion: the first is the one that was used least recently.
  const values = new Map<string, Value>();
  let evicted = 0;

  function get(key: string): Value | undefined {
    const value = values.get(key);
    if (value === undefined) return undefined;
    values.delete(key);
    values.set(key, value);
    return value;
  }

  function set(key: string, value: Value): void {
    values.delete(key);
    values.set(key, value);
    if (values.size <= max) return;
    const oldest = values.keys().next();
    if (oldest.done === true) return;
    values.delete(oldest.value);
    evicted += 1;
  }

  return {
    get,
    set,
    peek: (key) => values.get(key),
    getOrAdd(key, make) {
      const held = get(key);
      if (held !== undefined) return held;
      const made = make();
      set(key, made);
      return made;
    },
    clear: () => values.clear(),
    size: () => values.size,
    evicted: () => evicted,
  };
}
