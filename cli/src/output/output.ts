import { styleText } from "node:util";
import { Option } from "commander";

/** `text` for people, `json` for scripts. */
export type Format = "text" | "json";

export interface OutputOption {
  readonly output: Format;
}

/** The option `-o json` that every command has. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "text for people, json for scripts")
    .choices(["text", "json"])
    .default("text");
}

/** Prints lines to standard output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** One answer for scripts: indented, stable keys. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** One object of a stream for scripts: a line. */
export function printJsonLine(value: unknown): void {
  print(JSON.stringify(value));
}

type Style = "good" | "bad" | "warn" | "dim" | "bold";
const styles = { good: "green", bad: "red", warn: "yellow", dim: "dim", bold: "bold" } as const;

/** Colours a text, only on a terminal and unless NO_COLOR is set. */
export function paint(style: Style, text: string): string {
  return styleText(styles[style], text);
}

/** Characters of a line: the terminal's, never more than 80 unless it is wider on purpose. */
export function lineWidth(): number {
  return process.stdout.isTTY ? Math.max(40, Math.min(process.stdout.columns ?? 80, 160)) : 80;
}

/** Replaces what the last call drew, on a terminal; appends elsewhere. */
export function createRedraw(): (lines: readonly string[]) => void {
  let drawn = 0;
  return (lines) => {
    if (process.stdout.isTTY) {
      const up = drawn > 0 ? `\x1b[${drawn}A\r\x1b[J` : "";
      process.stdout.write(`${up}${lines.join("\n")}\n`);
      drawn = lines.length;
      return;
    }
    print(...lines);
  };
}
