import { watch as watchFolder } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, originText } from "@patchbay/model";
import { isErrno } from "@patchbay/process";
import { createParser, type ParserOptions } from "./parse.ts";
import { openRemembered, type Remembered } from "./remembered.ts";
import { fileOrigin, type Problem, type Resource } from "./resource.ts";

export interface WatchOptions extends ParserOptions {
  readonly dir: string;
  /**
   * All resources in force, after each change. A file that became bad keeps its last good version in force; `outdated` holds what is in force of such
   * files. Resources of a file that did not change are the same objects as before.
   */
  onChange(resources: readonly Resource[], outdated: ReadonlySet<Resource>): void;
  /** All problems there are, after each change of them; empty when all is well. */
  onProblems(problems: readonly Problem[]): void;
  /** How often the folder is looked through even when the system reports nothing. Default 1 s. */
  readonly pollMs?: number;
  /** A file where last good versions outlive the process. Default: they do not. */
  readonly memory?: string;
}

export interface ResourceWatch {
  /** Looks now. */
  refresh(): Promise<void>;
  stop(): void;
}

interface FileState {
  /** Changes with the file; empty while it cannot be read. */
  readonly stamp: string;
  /** Last good text, which `resources` are from; undefined: there was none. */
  readonly text: string | undefined;
  readonly resources: readonly Resource[];
  readonly problems: readonly Problem[];
  /** It was empty at the last look, after it had not been. */
  readonly emptied?: boolean;
}

/** Watches the YAML files of a folder (created when absent). Settles after the first look. */
export async function watchResources(options: WatchOptions): Promise<ResourceWatch> {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const memory = options.memory === undefined ? noMemory : await openRemembered(options.memory);
  const refresh = oneAtATime(createLook(options, memory));
  await refresh();
  let soon: NodeJS.Timeout | undefined;
  const watcher = watchFolder(options.dir, () => {
    clearTimeout(soon);
    soon = setTimeout(() => void refresh(), 50);
  });
  watcher.on("error", () => watcher.close());
  const poll = setInterval(() => void refresh(), options.pollMs ?? 1_000);
  return {
    refresh,
    stop() {
      clearTimeout(soon);
      clearInterval(poll);
      watcher.close();
    },
  };
}

/** Whoever asks while a look is under way gets the next one: that one may have passed by already what is asked about. */
function oneAtATime(look: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => {
    next = undefined;
    running = look().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (!running) return start();
    next ??= running.then(start, start);
    return next;
  };
}

const noMemory: Remembered = { text: () => undefined, keep: async () => undefined };

function createLook(options: WatchOptions, memory: Remembered): () => Promise<void> {
  const parse = createParser(options);
  let files = new Map<string, FileState>();
  let first = true;
  return async () => {
    const next = await readFolder({ dir: options.dir, known: files, parse, memory });
    const changed = first || next.size !== files.size || [...next].some(([file, state]) => files.get(file) !== state);
    files = next;
    first = false;
    if (!changed) return;
    const { resources, problems } = combine([...next.values()]);
    options.onChange(
      resources,
      new Set([...next.values()].flatMap((file) => (file.problems.length > 0 ? file.resources : []))),
    );
    options.onProblems(problems);
    await memory.keep(
      new Map([...next].flatMap(([file, { text }]): [string, string][] => (text === undefined ? [] : [[file, text]]))),
    );
  };
}

interface Folder {
  readonly dir: string;
  readonly known: ReadonlyMap<string, FileState>;
  readonly parse: ReturnType<typeof createParser>;
  readonly memory: Remembered;
}

/** Files that are looked at together: a folder of a thousand is read through in a moment, without a thousand open files. */
const AT_A_TIME = 32;

/** What cannot be read at the moment is not gone: only what does not exist is. */
async function readFolder({ dir, known, parse, memory }: Folder): Promise<Map<string, FileState>> {
  const files = new Map<string, FileState>();
  try {
    const names = (await readdir(dir)).filter((name) => /\.ya?ml$/.test(name)).sort();
    for (let at = 0; at < names.length; at += AT_A_TIME) {
      const some = names.slice(at, at + AT_A_TIME).map((name) => join(dir, name));
      const states = await Promise.all(some.map((file) => readOne({ file, before: known.get(file), parse, memory })));
      for (const [index, file] of some.entries()) {
        const state = states[index];
        if (state) files.set(file, state);
      }
    }
    return files;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return files;
    return new Map(known).set(dir, unreadable(dir, known.get(dir), error));
  }
}

interface OneFile {
  readonly file: string;
  readonly before: FileState | undefined;
  readonly parse: ReturnType<typeof createParser>;
  readonly memory: Remembered;
}

/** Undefined: there is no such file. */
async function readOne({ file, before, parse, memory }: OneFile): Promise<FileState | undefined> {
  try {
    const info = await stat(file);
    if (!info.isFile()) return undefined;
    // With the time at which the permissions changed, which may be what makes it readable.
    const stamp = `${info.mtimeMs}:${info.ctimeMs}:${info.size}:${info.ino}`;
    if (before?.stamp === stamp) return before;
    const text = await readFile(file, "utf8");
    if (justEmptied(text, before)) return { ...before, stamp: "", emptied: true };
    const { resources, problems } = parse(file, text);
    if (problems.length === 0) return { stamp, text, resources, problems };
    return { stamp, ...lastGood({ file, before, parse, memory }), problems };
  } catch (error) {
    return isErrno(error, "ENOENT") ? undefined : unreadable(file, before, error);
  }
}

/**
 * Whoever saves a file in place makes it empty first, and a look may fall between. What denies must not be out of force for that
 * moment, so an empty file counts from the second look on.
 */
function justEmptied(text: string, before: FileState | undefined): before is FileState {
  return text === "" && before !== undefined && before.resources.length > 0 && before.emptied !== true;
}

/** Of this process, or of one before it; what was good then may not be now. */
function lastGood({ file, before, parse, memory }: OneFile): Pick<FileState, "text" | "resources"> {
  if (before) return { text: before.text, resources: before.resources };
  const text = memory.text(file);
  const parsed = text === undefined ? undefined : parse(file, text);
  if (!parsed || parsed.problems.length > 0) return { text: undefined, resources: [] };
  return { text, resources: parsed.resources };
}

/** Has no stamp, so it is tried again at each look; the same state while the reason stays the same. */
function unreadable(file: string, before: FileState | undefined, error: unknown): FileState {
  const message = `cannot be read: ${errorMessage(error)}`;
  const problem = { origin: fileOrigin(file, 0), message, hint: "check its permissions" };
  if (before?.stamp === "" && before.problems[0]?.message === problem.message) return before;
  return { stamp: "", text: before?.text, resources: before?.resources ?? [], problems: [problem] };
}

/** Puts all files together; of two resources with one name the first file's is in force. */
function combine(files: readonly FileState[]): { resources: Resource[]; problems: Problem[] } {
  const byName = new Map<string, Resource>();
  const problems = files.flatMap((file) => file.problems);
  for (const resource of files.flatMap((file) => file.resources)) {
    const name = `${resource.kind} ${resource.metadata.namespace}/${resource.metadata.name}`;
    const first = byName.get(name);
    if (!first) byName.set(name, resource);
    else
      problems.push({
        origin: resource.origin,
        message: `${name} exists already`,
        hint: `remove it here or from ${originText(first.origin)}`,
      });
  }
  return { resources: [...byName.values()], problems };
}
