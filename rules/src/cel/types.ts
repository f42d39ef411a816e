/** Types are written as in CEL: "string", "list(int)", "map(string, string)". "dyn" goes with everything. */
export function fits(type: string, wanted: string): boolean {
  if (type === wanted || type === "dyn" || wanted === "dyn") return true;
  if (wanted === "list" || wanted === "map") return type.startsWith(`${wanted}(`);
  // An empty list, or one of mixed elements.
  if (type.startsWith("list(") && wanted.startsWith("list(")) return fits(elementOf(type), elementOf(wanted));
  return false;
}

/** What a variable of a macro runs over: elements of a list, keys of a map. Undefined: neither. */
export function iterated(type: string): string | undefined {
  if (type === "dyn") return "dyn";
  if (type.startsWith("list(")) return elementOf(type);
  return type.startsWith("map(") ? type.slice("map(".length, type.indexOf(",")) : undefined;
}

function elementOf(type: string): string {
  return type.slice("list(".length, -1);
}

/** Whether `==` between them can ever be true. */
export function comparable(left: string, right: string): boolean {
  const number = (type: string): boolean => type === "int" || type === "double";
  return fits(left, right) || fits(right, left) || (number(left) && number(right));
}

/** For people. */
export function nameOfType(type: string): string {
  const names: Record<string, string> = {
    int: "a whole number",
    double: "a number",
    string: "a text",
    bool: "true or false",
  };
  return names[type] ?? (type.startsWith("list(") ? "a list" : type.startsWith("map(") ? "a map" : `a ${type}`);
}
