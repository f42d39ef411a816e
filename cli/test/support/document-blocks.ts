/** One fenced block of a Markdown document. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
}

/** One command that a document shows, with what it shows of the answer. */
export interface ShownCommand {
  readonly command: string;
  readonly output: readonly string[];
  readonly line: number;
}

/** All fenced blocks, in order. */
export function blocksOf(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(({ 1: language = "", 2: text = "", index }) => ({
    language,
    text,
    line: markdown.slice(0, index).split("\n").length + 1,
  }));
}

/** Commands of a `console` block (lines that begin with "$ ", each followed by its output) or of an `sh` block (one a line). */
export function commandsOf({ language, text, line }: Block): readonly ShownCommand[] {
  const lines = text.trimEnd().split("\n");
  if (language === "sh") return lines.map((command, at) => ({ command, output: [], line: line + at }));
  if (language !== "console") return [];
  const starts = lines.flatMap((one, at) => (one.startsWith("$ ") ? [at] : []));
  return starts.map((start, at) => ({
    command: (lines[start] ?? "").slice(2),
    output: lines.slice(start + 1, starts[at + 1]),
    line: line + start,
  }));
}

/** Lines of shown output that are the same each time: those without figures other than percentiles in a heading. "..." stands for what was left out. */
export function stableLines(output: readonly string[]): readonly string[] {
  const figures = (line: string): boolean => /\d/.test(line.replaceAll(/\bP\d\d\b/g, ""));
  return output.map(collapsed).filter((line) => line !== "" && line !== "..." && !figures(line));
}

/** One space between words, as far as columns may be wider or narrower. */
export function collapsed(line: string): string {
  return line.trim().replaceAll(/\s+/g, " ");
}
