/** Values found by any of several keys. */
export interface Index<Value> {
  add(key: string, value: Value): void;
  remove(key: string, value: Value): void;
  get(key: string): readonly Value[];
}

export function createIndex<Value>(): Index<Value> {
  const byKey = new Map<string, Set<Value>>();
  return {
    add(key, value) {
      const values = byKey.get(key) ?? new Set();
      byKey.set(key, values.add(value));
    },
    remove(key, value) {
      const values = byKey.get(key);
      values?.delete(value);
      if (values?.size === 0) byKey.delete(key);
    },
    get: (key) => [...(byKey.get(key) ?? [])],
  };
}
