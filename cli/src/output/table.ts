import { padText, shorten, textWidth } from "./text-width.ts";

/** How a column is written. */
export interface Column {
  readonly title: string;
  /** Numbers to the right, so that their digits stand under each other. Default "left". */
  readonly align?: "left" | "right";
  /** The table shortens these, longest first, when it is too wide. Others keep their width. */
  readonly flexible?: boolean;
}

export interface TableOptions {
  readonly columns: readonly Column[];
  /** One text per column. */
  readonly rows: readonly (readonly string[])[];
  /** Most columns of a terminal that a line may take. Default 80. */
  readonly width?: number;
}

const GAP = "  ";
/** A flexible column never gets shorter than this. */
const SHORTEST = 8;

/** Lays out a table: one line of titles, one a row, without trailing blanks. */
export function table({ columns, rows, width = 80 }: TableOptions): string[] {
  const widths = fit(columns, naturalWidths(columns, rows), width);
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => cell(cells[index] ?? "", widths[index] ?? 0, column.align))
      .join(GAP)
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** Breaks a text between words into lines of at most `width` columns; longer words stand alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last === undefined || textWidth(last) + 1 + textWidth(word) > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function naturalWidths(columns: readonly Column[], rows: TableOptions["rows"]): number[] {
  return columns.map((column, index) =>
    rows.reduce((most, row) => Math.max(most, textWidth(row[index] ?? "")), textWidth(column.title)),
  );
}

function fit(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  const fitted = [...widths];
  const total = (): number => fitted.reduce((sum, each) => sum + each, GAP.length * (columns.length - 1));
  while (total() > width) {
    let longest = -1;
    for (const [index, column] of columns.entries()) {
      const size = fitted[index] ?? 0;
      if (column.flexible && size > SHORTEST && size > (fitted[longest] ?? 0)) longest = index;
    }
    if (longest < 0) break;
    fitted[longest] = (fitted[longest] ?? 0) - 1;
  }
  return fitted;
}

function cell(text: string, width: number, align: Column["align"]): string {
  const short = shorten(text, width);
  return align === "right" ? " ".repeat(Math.max(0, width - textWidth(short))) + short : padText(short, width);
}
