/** What is wrong with a spec although it fits its schema. */
export interface SpecProblem {
  /** Within the spec. */
  readonly path: Path;
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
}

export type Path = readonly (string | number)[];

/** A problem at `path`: "spec.rules[0].when" and then `what`. */
export function problem(path: Path, what: string, hint = ""): SpecProblem {
  return { path, message: `${dotted(path)} ${what}`, hint };
}

function dotted(path: Path): string {
  return `spec${path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("")}`;
}

/** Problems of each element of a list that may be absent. */
export function checkEach<Item>(
  items: readonly Item[] | undefined,
  path: Path,
  check: (item: Item, path: Path) => readonly SpecProblem[],
): readonly SpecProblem[] {
  return (items ?? []).flatMap((item, index) => check(item, [...path, index]));
}

/** One problem for each element with the key of an earlier one. */
export function checkUnique<Item>(
  items: readonly Item[] | undefined,
  path: Path,
  key: (item: Item) => string,
): readonly SpecProblem[] {
  const seen = new Set<string>();
  return checkEach(items, path, (item, at) => {
    const name = key(item);
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [problem(at, `repeats ${JSON.stringify(name)}`, "each only once")];
  });
}
