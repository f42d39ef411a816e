import { watch as watchFolder } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "@patchbay/wire";
import { createParser, type ParserOptions } from "./parse.ts";
import type { Problem, Resource } from "./resource.ts";

export interface WatchOptions extends ParserOptions {
  readonly dir: string;
  /** All resources in force, after each change. A file that became bad keeps its last good version in force. */
  onChange(resources: readonly Resource[]): void;
  /** All problems there are, after each change of them; empty when all is well. */
  onProblems(problems: readonly Problem[]): void;
  /** How often the folder is looked through even when the system reports nothing. Default 1 s. */
  readonly pollMs?: number;
}

export interface ResourceWatch {
  /** Looks now. */
  refresh(): Promise<void>;
  stop(): void;
}

interface FileState {
  readonly stamp: string;
  readonly resources: readonly Resource[];
  readonly problems: readonly Problem[];
}

/** Watches the YAML files of a folder (created when absent). Settles after the first look. */
export async function watchResources(options: WatchOptions): Promise<ResourceWatch> {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const look = createLook(options);
  let running: Promise<void> | undefined;
  const refresh = (): Promise<void> => {
    running ??= look().finally(() => {
      running = undefined;
    });
    return running;
  };
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

function createLook(options: WatchOptions): () => Promise<void> {
  const parse = createParser(options);
  let files = new Map<string, FileState>();
  let first = true;
  return async () => {
    const next = await readFolder({ dir: options.dir, known: files, parse });
    const changed = first || next.size !== files.size || [...next].some(([file, state]) => files.get(file) !== state);
    files = next;
    first = false;
    if (!changed) return;
    const { resources, problems } = combine([...next.values()]);
    options.onChange(resources);
    options.onProblems(problems);
  };
}

interface Folder {
  readonly dir: string;
  readonly known: ReadonlyMap<string, FileState>;
  readonly parse: ReturnType<typeof createParser>;
}

async function readFolder({ dir, known, parse }: Folder): Promise<Map<string, FileState>> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => /\.ya?ml$/.test(name)).sort();
  const files = new Map<string, FileState>();
  for (const name of names) {
    const file = join(dir, name);
    const before = known.get(file);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile()) continue;
    const stamp = `${info.mtimeMs}:${info.size}:${info.ino}`;
    files.set(file, before?.stamp === stamp ? before : await readOne({ file, stamp, before, parse }));
  }
  return files;
}

interface OneFile {
  readonly file: string;
  readonly stamp: string;
  readonly before: FileState | undefined;
  readonly parse: ReturnType<typeof createParser>;
}

async function readOne({ file, stamp, before, parse }: OneFile): Promise<FileState> {
  const lastGood = before?.resources ?? [];
  try {
    const { resources, problems } = parse(file, await readFile(file, "utf8"));
    return { stamp, resources: problems.length > 0 ? lastGood : resources, problems };
  } catch (error) {
    const problem = { file, line: 1, message: `cannot be read: ${errorMessage(error)}`, hint: "check its permissions" };
    return { stamp, resources: lastGood, problems: [problem] };
  }
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
        file: resource.file,
        line: 1,
        message: `${name} exists already`,
        hint: `remove it here or from ${first.file}`,
      });
  }
  return { resources: [...byName.values()], problems };
}
