import { foldEnd, foldPath } from "@patchbay/model";

/** Paths under which something is to be found: exact ones, and beginnings. */
export interface PathKeys {
  readonly exact: readonly string[];
  readonly folders: readonly string[];
  /** They are in the form of `foldPath`. */
  readonly folded: boolean;
}

/** Values by path. */
export interface PathBuckets<Value> {
  readonly any: Value[];
  readonly plain: PathTable<Value>;
  readonly folded: PathTable<Value>;
  visit(path: string, visit: (value: Value) => void): void;
}

interface PathTable<Value> {
  readonly folded: boolean;
  readonly exact: Map<string, Value[]>;
  /** By their beginning up to the last "/". */
  readonly folders: Map<string, Value[]>;
  /** Slashes of the deepest folder; 0: there is none. */
  depth: number;
}

/** Deeper beginnings are found under their first folders: a client may send paths of thousands of slashes. */
const MAX_DEPTH = 8;

export function createPathBuckets<Value>(): PathBuckets<Value> {
  const any: Value[] = [];
  const plain: PathTable<Value> = { folded: false, exact: new Map(), folders: new Map(), depth: 0 };
  const folded: PathTable<Value> = { folded: true, exact: new Map(), folders: new Map(), depth: 0 };
  return {
    any,
    plain,
    folded,
    visit(path, visit) {
      for (const value of any) visit(value);
      if (plain.exact.size > 0 || plain.depth > 0) lookUp(plain, path, visit);
      if (folded.exact.size > 0 || folded.depth > 0) lookUp(folded, foldPath(path), visit);
    },
  };
}

export function addTo<Value>(buckets: PathBuckets<Value>, keys: PathKeys | undefined, value: Value): void {
  if (keys === undefined) {
    buckets.any.push(value);
    return;
  }
  const table = keys.folded ? buckets.folded : buckets.plain;
  for (const path of new Set(keys.exact)) push(table.exact, path, value);
  for (const { folder, depth } of keys.folders.map(folderOf)) {
    push(table.folders, folder, value);
    table.depth = Math.max(table.depth, depth);
  }
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** Up to its last slash, or to the eighth. A path's beginning always begins with a slash. */
function folderOf(prefix: string): { folder: string; depth: number } {
  let end = 0;
  let depth = 1;
  for (let next = prefix.indexOf("/", 1); next >= 0 && depth < MAX_DEPTH; next = prefix.indexOf("/", next + 1)) {
    end = next;
    depth += 1;
  }
  return { folder: prefix.slice(0, end + 1), depth };
}

function lookUp<Value>(table: PathTable<Value>, path: string, visit: (value: Value) => void): void {
  for (const value of table.exact.get(table.folded ? foldEnd(path) : path) ?? []) visit(value);
  let end = path.indexOf("/");
  for (let depth = 1; depth <= table.depth && end >= 0; depth += 1) {
    for (const value of table.folders.get(path.slice(0, end + 1)) ?? []) visit(value);
    end = path.indexOf("/", end + 1);
  }
}
