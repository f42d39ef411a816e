import type { Operation, Source } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { RequestFacts, SourceFacts } from "./facts.ts";
import { readPathPattern } from "./operation-match.ts";
import { foldPath } from "./path.ts";
import { addTo, createPathBuckets, type PathBuckets, type PathKeys } from "./path-buckets.ts";
import type { Effect } from "./source-match.ts";

/** Something that applies only when one of `from` and one of `to` match. */
export interface IndexEntry<Value> {
  readonly from: readonly Source[];
  readonly to: readonly Operation[];
  readonly effect: Effect;
  readonly value: Value;
}

/**
 * Finds what may apply to a request without looking at everything: by identity or namespace of the source, and within that by
 * path. What names neither is always a candidate. The same candidate may come twice.
 */
export interface RuleIndex<Value> {
  readonly size: number;
  candidates(facts: RequestFacts, visit: (value: Value) => void): void;
  /** Whatever path is asked for. */
  all(visit: (value: Value) => void): void;
}

const ANYBODY = "*";

export function createRuleIndex<Value>(entries: readonly IndexEntry<Value>[]): RuleIndex<Value> {
  const bySource = new Map<string, PathBuckets<Value>>();
  for (const entry of entries) {
    const paths = pathKeysOf(entry);
    for (const key of sourceKeysOf(entry.from)) {
      const buckets = bySource.get(key) ?? createPathBuckets<Value>();
      bySource.set(key, buckets);
      addTo(buckets, paths, entry.value);
    }
  }
  return {
    size: entries.length,
    candidates(facts, visit) {
      let folded: string | undefined;
      const foldedPath = (): string => (folded ??= foldPath(facts.path));
      for (const key of keysOfFacts(facts.source)) bySource.get(key)?.visit(facts.path, foldedPath, visit);
    },
    all(visit) {
      for (const { value } of entries) visit(value);
    },
  };
}

/** Under these keys entries are found that the source may match. */
function keysOfFacts({ identity, namespace }: SourceFacts): readonly string[] {
  if (identity === "") return [ANYBODY];
  return [ANYBODY, `i${identity}`, `p${folderOf(identity)}`, `n${namespace}`];
}

function sourceKeysOf(from: readonly Source[]): ReadonlySet<string> {
  const keys = new Set(from.flatMap(keysOfSource));
  return keys.size === 0 || keys.has(ANYBODY) ? new Set([ANYBODY]) : keys;
}

function keysOfSource({ identities, namespaces }: Source): readonly string[] {
  if (identities.length > 0) return identities.map(keyOfIdentity);
  return namespaces.length > 0 ? namespaces.map((name) => `n${name}`) : [ANYBODY];
}

function keyOfIdentity(pattern: string): string {
  const star = pattern.indexOf("*");
  if (star < 0) return `i${pattern}`;
  const folder = folderOf(pattern.slice(0, star));
  return folder === "" ? ANYBODY : `p${folder}`;
}

/** "spiffe://cluster.local/ns/web/" of an identity or the beginning of one: whatever begins alike so far has the same. */
function folderOf(text: string): string {
  let end = -1;
  for (let count = 0; count < 5; count += 1) {
    end = text.indexOf("/", end + 1);
    if (end < 0) return "";
  }
  return text.slice(0, end + 1);
}

/** Undefined: every path. */
function pathKeysOf({ to, effect }: IndexEntry<unknown>): PathKeys | undefined {
  const folded = effect === "restricts";
  const exact: string[] = [];
  const folders: string[] = [];
  for (const { paths } of to) {
    if (paths.length === 0) return undefined;
    for (const { kind, text } of paths.map((path) => readPathPattern(path, folded))) {
      if (kind === "exact") exact.push(text);
      else if (kind === "prefix") folders.push(text);
      else return undefined;
    }
  }
  return to.length === 0 ? undefined : { exact, folders, folded };
}
