import { ExpressionProblem } from "./problem.ts";

/** Maps here are of headers, by names in lower case: a literal that is written otherwise would never be found. */
export function checkHeaderName(map: string, name: string | undefined, part: bigint): void {
  if (name === undefined || !map.startsWith("map(") || name === name.toLowerCase()) return;
  const hint = `Names of headers are in lower case here: ${name.toLowerCase()}.`;
  throw new ExpressionProblem(`${JSON.stringify(name)} is never there`, hint, part);
}
