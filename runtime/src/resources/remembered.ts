import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno, replacePrivateFile } from "@patchbay/process";

/** Last good texts of files, kept over restarts: a file that is wrong at the start has a last good version too. */
export interface Remembered {
  /** Undefined: none is known. */
  text(file: string): string | undefined;
  /** Replaces all. Settles when it is on disk, or cannot be; never rejects. */
  keep(texts: ReadonlyMap<string, string>): Promise<void>;
}

/** What cannot be read or understood is forgotten: it is a memory, not a truth. */
export async function openRemembered(path: string): Promise<Remembered> {
  let known = await read(path);
  let writing: Promise<void> = Promise.resolve();
  return {
    text: (file) => known.get(file),
    keep(texts) {
      if (same(known, texts)) return writing;
      known = texts;
      writing = writing.then(() => write(path, texts));
      return writing;
    },
  };
}

async function read(path: string): Promise<ReadonlyMap<string, string>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null) return new Map();
    return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return new Map();
    throw error;
  }
}

async function write(path: string, texts: ReadonlyMap<string, string>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await replacePrivateFile(path, JSON.stringify(Object.fromEntries(texts)));
  } catch {
    // A full disk must not keep new rules from coming into force.
  }
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([file, text]) => b.get(file) === text);
}
