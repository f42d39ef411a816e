import type { RequestFacts, SourceFacts } from "@patchbay/model";
import type { Operation, Source } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { addTo, createPathBuckets, type PathBuckets, type PathKeys } from "../match/path-buckets.ts";
import { readPathPattern } from "./operation-match.ts";
import type { Effect } from "./source-match.ts";

/** Something that applies only when one of `from` and one of `to` match. */
interface IndexEntry<Value> {
  readonly from: readonly Source[];
  readonly to: readonly Operation[];
  readonly effect: Effect;
  readonly value: Value;
}

/**
 * Finds what may apply to a request without looking at everything: by identity or namespace of the source, and within that by
 * path. What names neither is always a candidate. The same candidate may come twice.
 */
interface RuleIndex<Value> {
  readonly size: number;
  candidates(facts: RequestFacts, visit: (value: Value) => void): void;
}

/** How a source is found. */
type Kind = "anybody" | "identity" | "folder" | "namespace";

interface SourceKey {
  readonly kind: Kind;
  readonly text: string;
}

type BySource<Value> = Readonly<Record<Kind, Map<string, PathBuckets<Value>>>>;

const ANYBODY: SourceKey = { kind: "anybody", text: "" };

export function createRuleIndex<Value>(entries: readonly IndexEntry<Value>[]): RuleIndex<Value> {
  const bySource: BySource<Value> = {
    anybody: new Map(),
    identity: new Map(),
    folder: new Map(),
    namespace: new Map(),
  };
  for (const entry of entries) {
    const paths = pathKeysOf(entry);
    for (const { kind, text } of sourceKeysOf(entry.from)) {
      const buckets = bySource[kind].get(text) ?? createPathBuckets<Value>();
      bySource[kind].set(text, buckets);
      addTo(buckets, paths, entry.value);
    }
  }
  return {
    size: entries.length,
    candidates(facts, visit) {
      for (const buckets of bucketsOf(bySource, facts.source)) buckets?.visit(facts.path, visit);
    },
  };
}

/** Where entries are that the source may match. */
function bucketsOf<Value>(
  { anybody, identity, folder, namespace }: BySource<Value>,
  source: SourceFacts,
): readonly (PathBuckets<Value> | undefined)[] {
  const all = anybody.get("");
  if (source.identity === "") return [all];
  return [
    all,
    identity.get(source.identity),
    folder.size === 0 ? undefined : folder.get(folderOf(source.identity)),
    namespace.get(source.namespace),
  ];
}

function sourceKeysOf(from: readonly Source[]): readonly SourceKey[] {
  const keys = from.flatMap(keysOfSource);
  if (keys.length === 0 || keys.includes(ANYBODY)) return [ANYBODY];
  return [...new Map(keys.map((key) => [`${key.kind} ${key.text}`, key])).values()];
}

function keysOfSource({ identities, namespaces }: Source): readonly SourceKey[] {
  if (identities.length > 0) return identities.map(keyOfIdentity);
  return namespaces.length > 0 ? namespaces.map((text) => ({ kind: "namespace", text })) : [ANYBODY];
}

function keyOfIdentity(pattern: string): SourceKey {
  const star = pattern.indexOf("*");
  if (star < 0) return { kind: "identity", text: pattern };
  const text = folderOf(pattern.slice(0, star));
  return text === "" ? ANYBODY : { kind: "folder", text };
}

/** "spiffe://cluster.local/ns/web/" of an identity or a prefix of one: the index key. */
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
