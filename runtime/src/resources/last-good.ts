import { originText } from "@patchbay/model";
import { parseText } from "./parse-text.ts";
import type { SourceFile, SourceFiles } from "./read-folder.ts";
import { type ReadKinds, withProblems } from "./read-kinds.ts";
import type { Remembered } from "./remembered.ts";
import type { Problem, Resource } from "./resource.ts";

/** What a watch has in force of one file. */
export interface FileInForce {
  readonly file: SourceFile;
  /** Last good text, which `resources` are from; undefined: there was none. */
  readonly text: string | undefined;
  readonly resources: readonly Resource[];
  /** Of the kinds that are read. */
  readonly problems: readonly Problem[];
  /** The file is wrong, and this is its last good version. */
  readonly outdated: boolean;
}

interface InForceOptions {
  readonly read: ReadKinds;
  readonly memory: Remembered;
  /** Names of kinds that there are. */
  readonly kinds: readonly string[];
}

/** What is in force of each file, by its path: its text when all is well with it, else its last good version. */
export function applyFiles(
  files: SourceFiles,
  before: ReadonlyMap<string, FileInForce>,
  options: InForceOptions,
): ReadonlyMap<string, FileInForce> {
  return new Map([...files].map(([path, file]) => [path, applyFile(file, before.get(path), options)]));
}

function applyFile(file: SourceFile, before: FileInForce | undefined, options: InForceOptions): FileInForce {
  if (before?.file === file) return before;
  const { resources, problems } = options.read(file.documents);
  const outdated = file.problems.length > 0 || problems.length > 0;
  if (!outdated) return { file, text: file.text, resources, problems, outdated };
  const { text, resources: good } = before ?? remembered(file.path, options);
  return { file, text, resources: good, problems, outdated };
}

/** Of a process before this one; what was good then may not be now. */
function remembered(path: string, { read, memory, kinds }: InForceOptions): Pick<FileInForce, "text" | "resources"> {
  const text = memory.text(path);
  const parsed = text === undefined ? undefined : withProblems(parseText(path, text, kinds), read);
  if (!parsed || parsed.problems.length > 0) return { text: undefined, resources: [] };
  return { text, resources: parsed.resources };
}

/** Puts all files together; of two resources with one name the first file's is in force. */
export function combine(files: Iterable<FileInForce>): { resources: Resource[]; problems: Problem[] } {
  const byName = new Map<string, Resource>();
  const problems: Problem[] = [];
  for (const file of files) {
    problems.push(...file.problems);
    for (const resource of file.resources) {
      const { kind, metadata, origin } = resource;
      const name = `${kind} ${metadata.namespace}/${metadata.name}`;
      const first = byName.get(name);
      if (!first) byName.set(name, resource);
      else {
        const hint = `remove it here or from ${originText(first.origin)}`;
        problems.push({ origin, kind, message: `${name} exists already`, hint });
      }
    }
  }
  return { resources: [...byName.values()], problems };
}
