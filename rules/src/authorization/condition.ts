/** Something that holds for facts, or does not, with the reason. */
export interface Condition<Facts> {
  holds(facts: Facts): boolean;
  /** One clause on why it does not hold; meaningless when it does. */
  why(facts: Facts): string;
}

/** Holds when all do. */
export function allOf<Facts>(conditions: readonly Condition<Facts>[]): Condition<Facts> {
  return {
    holds: (facts) => conditions.every((condition) => condition.holds(facts)),
    why: (facts) => conditions.find((condition) => !condition.holds(facts))?.why(facts) ?? "",
  };
}

/** Holds when one does; none at all hold always, and are `undefined`. */
export function anyOf<Facts>(conditions: readonly Condition<Facts>[]): Condition<Facts> | undefined {
  if (conditions.length === 0) return undefined;
  const [only] = conditions;
  if (only !== undefined && conditions.length === 1) return only;
  return {
    holds: (facts) => conditions.some((condition) => condition.holds(facts)),
    why: (facts) => [...new Set(conditions.map((condition) => condition.why(facts)))].slice(0, 3).join("; "),
  };
}

/** "a", "a or b", "a, b or 3 more": what a value should have been. */
export function oneOf(values: readonly string[]): string {
  const shown = values.length > 4 ? [...values.slice(0, 3), `${values.length - 3} more`] : values;
  const last = shown.at(-1) ?? "";
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} or ${last}` : last;
}
