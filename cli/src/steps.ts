import { lineWidth } from "./output/output.ts";

/** Shows what is happening now, on standard error: one line redrawn on a terminal, a line each elsewhere. */
export interface Steps {
  show(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

export function createSteps(): Steps {
  const stream = process.stderr;
  let shown = false;
  return {
    show: (text) => {
      if (stream.isTTY) stream.write(`\r\x1b[2K${text.slice(0, lineWidth() - 2)} …`);
      else stream.write(`${text} …\n`);
      shown = true;
    },
    clear: () => {
      if (shown && stream.isTTY) stream.write("\r\x1b[2K");
      shown = false;
    },
  };
}
