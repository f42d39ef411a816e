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
  /** Most characters a line may take. Default 80. */
  readonly width?: number;
}

const gap = "  ";
/** A flexible column never gets shorter than this. */
const shortest = 8;

/** Lays out a table: one line of titles, one a row, without trailing blanks. */
export function table({ columns, rows, width = 80 }: TableOptions): string[] {
  const widths = fit(columns, naturalWidths(columns, rows), width);
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => cell(cells[index] ?? "", widths[index] ?? 0, column.align))
      .join(gap)
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** Shortens a text to `width` characters; the middle is what a name can spare. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width <= 1) return "…".slice(0, width);
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}

/** Breaks a text between words into lines of at most `width` characters; longer words stand alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function naturalWidths(columns: readonly Column[], rows: TableOptions["rows"]): number[] {
  return columns.map((column, index) =>
    rows.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), column.title.length),
  );
}

function fit(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  const fitted = [...widths];
  const total = (): number => fitted.reduce((sum, each) => sum + each, gap.length * (columns.length - 1));
  while (total() > width) {
    let longest = -1;
    for (const [index, column] of columns.entries()) {
      const size = fitted[index] ?? 0;
      if (column.flexible && size > shortest && size > (fitted[longest] ?? 0)) longest = index;
    }
    if (longest < 0) break;
    fitted[longest] = (fitted[longest] ?? 0) - 1;
  }
  return fitted;
}

function cell(text: string, width: number, align: Column["align"]): string {
  const short = shorten(text, width);
  return align === "right" ? short.padStart(width) : short.padEnd(width);
}
