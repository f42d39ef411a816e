import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface LogFileOptions {
  readonly dir: string;
  /** The component; its file is NAME.log, the one before NAME.log.1. */
  readonly name: string;
  /** A file that grew to this many bytes becomes the one before. Default 5 MiB, so a component keeps 10 MiB at most. */
  readonly maxBytes?: number;
}

/** A log of bounded size. Writing never throws: a full disk must not end a service. */
export interface LogFile {
  readonly path: string;
  write(text: string): void;
  close(): void;
}

export function openLogFile({ dir, name, maxBytes = 5 * 1024 * 1024 }: LogFileOptions): LogFile {
  const path = join(dir, `${name}.log`);
  let fd = openSync(path, "a", 0o600);
  let size = fstatSync(fd).size;
  const turn = (): void => {
    closeSync(fd);
    renameSync(path, `${path}.1`);
    fd = openSync(path, "a", 0o600);
    size = 0;
  };
  return {
    path,
    write(text) {
      if (fd < 0) return;
      try {
        if (size > maxBytes) turn();
        size += writeSync(fd, text);
      } catch {
        // There is nowhere left to report this; the next line tries again.
      }
    },
    close() {
      if (fd >= 0) closeSync(fd);
      fd = -1;
    },
  };
}
