import type { SyntaxFacts } from "./syntax.ts";

/** The value below which p percent of the values lie. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? 0;
}

/** The mirror: what the code looks like, in six lines. */
export function figures(files: readonly SyntaxFacts[]): string {
  const lines = files.map((file) => file.lines);
  const functions = files.flatMap((file) => file.functions.map((one) => one.lines));
  const total = lines.reduce((sum, count) => sum + count, 0);
  const count = (of: (file: SyntaxFacts) => number): number => files.reduce((sum, file) => sum + of(file), 0);
  const spread = (values: readonly number[]): string =>
    `p50 ${percentile(values, 50)}, p95 ${percentile(values, 95)}, max ${Math.max(0, ...values)}`;
  return [
    `files        ${files.length} with ${total} lines: ${spread(lines)}`,
    `functions    ${functions.length}: ${spread(functions)} lines`,
    `any          ${count((file) => file.anys.length)}`,
    `!            ${count((file) => file.nonNulls.length)}`,
    `casts        ${count((file) => file.casts)} (${((count((file) => file.casts) / total) * 1000).toFixed(1)} per 1000 lines)`,
    `documented   ${documented(files)} of exports; sdk ${documented(files.filter((file) => file.path.startsWith("sdk/")))}`,
  ].join("\n");
}

function documented(files: readonly SyntaxFacts[]): string {
  const exports = files.reduce((sum, file) => sum + file.exports, 0);
  const known = files.reduce((sum, file) => sum + file.documented, 0);
  return exports === 0 ? "none" : `${Math.floor((100 * known) / exports)} %`;
}

/** Breaks of the hard limits, one sentence each. */
export function gateBreaks(files: readonly SyntaxFacts[]): readonly string[] {
  return files.flatMap((file) => [
    ...file.functions
      .filter((one) => one.lines > 80)
      .map((one) => `${file.path}:${one.line}: ${one.name} has ${one.lines} lines; at most 80`),
    ...file.anys.map((line) => `${file.path}:${line}: the type "any"`),
    ...file.nonNulls.map((line) => `${file.path}:${line}: non-null "!"`),
    ...(file.path.startsWith("sdk/src/")
      ? file.undocumented.map((name) => `${file.path}: export ${name} has no doc comment`)
      : []),
  ]);
}
