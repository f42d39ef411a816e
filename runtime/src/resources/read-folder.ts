import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "@patchbay/model";
import { isErrno } from "@patchbay/process";
import { type ParsedText, parseText } from "./parse-text.ts";
import { fileOrigin, type Problem } from "./resource.ts";
import { MAX_FILE_BYTES } from "./text-limits.ts";

/** A file as it was read last. The same object as long as it does not change. */
export interface SourceFile extends ParsedText {
  readonly path: string;
  /** Changes with the file; empty while it cannot be read. */
  readonly stamp: string;
  /** Undefined: it could not be read. */
  readonly text: string | undefined;
  /** It was empty at the last look, after it had not been. */
  readonly emptied?: boolean;
}

/** By path. */
export type SourceFiles = ReadonlyMap<string, SourceFile>;

export interface Folder {
  readonly dir: string;
  /** Names of kinds that there are. */
  readonly kinds: readonly string[];
}

/** Files that are looked at together: a folder of a thousand is read through in a moment, without a thousand open files. */
const AT_A_TIME = 32;

/** Reads what has changed. An unreadable file is kept as it was; only one that does not exist is removed. */
export async function readFolder(folder: Folder, known: SourceFiles): Promise<SourceFiles> {
  const files = new Map<string, SourceFile>();
  try {
    const names = (await readdir(folder.dir)).filter((name) => /\.ya?ml$/.test(name)).sort();
    for (let at = 0; at < names.length; at += AT_A_TIME) {
      const paths = names.slice(at, at + AT_A_TIME).map((name) => join(folder.dir, name));
      const read = await Promise.all(paths.map((path) => readOne(path, folder, known.get(path))));
      for (const file of read) if (file) files.set(file.path, file);
    }
    return files;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return files;
    return new Map(known).set(folder.dir, unreadable(folder.dir, known.get(folder.dir), error));
  }
}

/** Undefined: there is no such file. */
async function readOne(
  path: string,
  { kinds }: Folder,
  before: SourceFile | undefined,
): Promise<SourceFile | undefined> {
  try {
    const info = await stat(path);
    if (!info.isFile()) return undefined;
    // With the time at which the permissions changed, which may be what makes it readable.
    const stamp = `${info.mtimeMs}:${info.ctimeMs}:${info.size}:${info.ino}`;
    if (before?.stamp === stamp) return before;
    const text = info.size > MAX_FILE_BYTES ? undefined : await readText(path);
    if (text === undefined) return { path, stamp, text, documents: [], problems: [tooLarge(path)] };
    if (justEmptied(text, before)) return { ...before, stamp: "", emptied: true };
    return { path, stamp, text, ...parseText(path, text, kinds) };
  } catch (error) {
    return isErrno(error, "ENOENT") ? undefined : unreadable(path, before, error);
  }
}

/** No more than is allowed, even of a file that grows while it is read; undefined: there is more. */
async function readText(path: string): Promise<string | undefined> {
  const parts: Buffer[] = [];
  for await (const part of createReadStream(path, { end: MAX_FILE_BYTES })) parts.push(part);
  const bytes = Buffer.concat(parts);
  return bytes.length > MAX_FILE_BYTES ? undefined : bytes.toString("utf8");
}

function tooLarge(path: string): Problem {
  return { origin: fileOrigin(path, 0), kind: "", message: "file is larger than 1 MiB", hint: "split it" };
}

/**
 * Saving in place truncates a file first, and a scan may fall in between. A policy that denies must not lapse for that moment, so
 * an empty file counts from the second scan on.
 */
function justEmptied(text: string, before: SourceFile | undefined): before is SourceFile {
  return text === "" && before !== undefined && before.text !== "" && before.emptied !== true;
}

/** Has no stamp, so it is tried again at each look; the same object while the reason stays the same. */
function unreadable(path: string, before: SourceFile | undefined, error: unknown): SourceFile {
  const message = `cannot be read: ${errorMessage(error)}`;
  if (before?.stamp === "" && before.problems[0]?.message === message) return before;
  const problem = { origin: fileOrigin(path, 0), kind: "", message, hint: "check its permissions" };
  return { path, stamp: "", text: undefined, documents: [], problems: [problem] };
}
