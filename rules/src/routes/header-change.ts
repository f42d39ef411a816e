import { HeaderKind, type HeaderList, headerKind, isForwardedIdentity } from "@patchbay/model";
import type { HeaderChange } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

/** Returns a changed copy. */
export type HeaderEdit = (headers: HeaderList) => HeaderList;

/** RFC 9110 §5.1 and §5.5, without what a parser downstream may stumble on. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Compiles a change: first all of `set`, then `add`, then `remove`. Framing, hop-by-hop and identity fields are never changed.
 * Undefined: there is nothing to change.
 */
export function compileHeaderChange(change: HeaderChange | undefined): HeaderEdit | undefined {
  if (change === undefined) return undefined;
  const set = pairsOf(change.set);
  const add = pairsOf(change.add);
  const removed = new Set(change.remove.map((name) => name.toLowerCase()).filter(mayChange));
  if (set.length === 0 && add.length === 0 && removed.size === 0) return undefined;
  const replaced = new Set(set.map(([name]) => name));
  const put = [...set, ...add].filter(([name]) => !removed.has(name)).flat();
  return (headers) => {
    const kept: HeaderList = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] ?? "";
      const lower = name.toLowerCase();
      if (!replaced.has(lower) && !removed.has(lower)) kept.push(name, headers[i + 1] ?? "");
    }
    kept.push(...put);
    return kept;
  };
}

function pairsOf(headers: readonly { readonly name: string; readonly value: string }[]): [string, string][] {
  const pairs = headers.map(({ name, value }): [string, string] => [name.toLowerCase(), value]);
  return pairs.filter(([name, value]) => mayChange(name) && VALUE.test(value));
}

function mayChange(name: string): boolean {
  if (!NAME.test(name) || isForwardedIdentity(name)) return false;
  const kind = headerKind(name);
  return kind === HeaderKind.END_TO_END || kind === HeaderKind.CONTENT_TYPE;
}
