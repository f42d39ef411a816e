/** What a function or operator takes and gives. Methods have their subject first. */
export interface Signature {
  readonly args: readonly string[];
  readonly result: string;
}

const NUMBERS = ["int", "double"] as const;
const ORDERED = ["int", "double", "string", "duration", "bool"] as const;

/** Numbers of either kind compare with each other. */
function comparisons(): readonly Signature[] {
  const same = ORDERED.map((type) => ({ args: [type, type], result: "bool" }));
  return [...same, { args: ["int", "double"], result: "bool" }, { args: ["double", "int"], result: "bool" }];
}

function arithmetic(...types: readonly string[]): readonly Signature[] {
  return types.map((type) => ({ args: [type, type], result: type }));
}

const compare = comparisons();

export const OPERATORS: ReadonlyMap<string, readonly Signature[]> = new Map<string, readonly Signature[]>([
  ["_&&_", [{ args: ["bool", "bool"], result: "bool" }]],
  ["_||_", [{ args: ["bool", "bool"], result: "bool" }]],
  ["!_", [{ args: ["bool"], result: "bool" }]],
  ["-_", NUMBERS.map((type) => ({ args: [type], result: type }))],
  ["_<_", compare],
  ["_<=_", compare],
  ["_>_", compare],
  ["_>=_", compare],
  ["_+_", arithmetic(...NUMBERS, "string", "duration")],
  ["_-_", arithmetic(...NUMBERS, "duration")],
  ["_*_", arithmetic(...NUMBERS)],
  ["_/_", arithmetic(...NUMBERS)],
  ["_%_", arithmetic("int")],
  // Made by macros.
  ["@not_strictly_false", [{ args: ["bool"], result: "bool" }]],
]);

export const METHODS: ReadonlyMap<string, readonly Signature[]> = new Map<string, readonly Signature[]>([
  ["startsWith", [{ args: ["string", "string"], result: "bool" }]],
  ["endsWith", [{ args: ["string", "string"], result: "bool" }]],
  ["contains", [{ args: ["string", "string"], result: "bool" }]],
  ["matches", [{ args: ["string", "string"], result: "bool" }]],
  ["lowerAscii", [{ args: ["string"], result: "string" }]],
  ["size", ["string", "list", "map"].map((type) => ({ args: [type], result: "int" }))],
]);

export const FUNCTIONS: ReadonlyMap<string, readonly Signature[]> = new Map<string, readonly Signature[]>([
  ["size", ["string", "list", "map"].map((type) => ({ args: [type], result: "int" }))],
  ["duration", [{ args: ["string"], result: "duration" }]],
  ["int", ["int", "double", "string"].map((type) => ({ args: [type], result: "int" }))],
  ["double", ["int", "double", "string"].map((type) => ({ args: [type], result: "double" }))],
  ["string", ["int", "double", "string", "bool"].map((type) => ({ args: [type], result: "string" }))],
]);

/** Names that the parser turns into something else. */
export const MACROS: readonly string[] = ["has", "all", "exists", "exists_one", "map", "filter"];
