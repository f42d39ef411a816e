import { watch as watchFolder } from "node:fs";
import { mkdir } from "node:fs/promises";
import { type Clock, originText, problemText } from "@patchbay/model";
import type { Log } from "@patchbay/wire";
import { KIND_NAMES } from "./kinds.ts";
import { applyFiles, combine, type FileInForce } from "./last-good.ts";
import { readFolder, type SourceFiles } from "./read-folder.ts";
import { createKindReader } from "./read-kinds.ts";
import { openRemembered, type Remembered } from "./remembered.ts";
import type { Problem, Resource } from "./resource.ts";
import type { ResourceSource, ResourceWatch, WatchOptions } from "./resource-source.ts";

export interface FileSourceOptions {
  /** Created when absent. */
  readonly dir: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Names of kinds that there are. Default: those of all services. */
  readonly kinds?: readonly string[];
  /** How often the folder is looked through even when the system reports nothing. Default 1 s. */
  readonly pollMs?: number;
}

/** Events of one save come together. */
const SETTLE_MS = 50;

/** The YAML files of a folder, read and parsed once for all watchers; polled while there are any. */
export function createFileSource({
  dir,
  log,
  clock,
  kinds = KIND_NAMES,
  pollMs = 1_000,
}: FileSourceOptions): ResourceSource {
  const watches = new Set<Follower>();
  let files: SourceFiles = new Map();
  let problems: readonly Problem[] = [];
  let unfollow: (() => void) | undefined;
  const look = oneAtATime(async () => {
    files = await readFolder({ dir, kinds }, files);
    const found = [...files.values()].flatMap((file) => file.problems);
    tell(found, problems, log);
    problems = found;
    await Promise.all([...watches].map((each) => each.take(files)));
  });
  return {
    problems: () => problems,
    async watch(options) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const memory = options.memory === undefined ? NO_MEMORY : await openRemembered(options.memory);
      const follower = createFollower(options, { memory, kinds });
      watches.add(follower);
      unfollow ??= followFolder({ dir, clock, pollMs, onEvent: () => void look() });
      await look();
      return {
        ...follower.watch,
        refresh: look,
        stop() {
          if (!watches.delete(follower) || watches.size > 0) return;
          unfollow?.();
          unfollow = undefined;
        },
      };
    },
  };
}

const NO_MEMORY: Remembered = { text: () => undefined, keep: async () => undefined };

interface Follower {
  /** Files as they are now. Settles when last good versions are stored. */
  take(files: SourceFiles): Promise<void>;
  readonly watch: Pick<ResourceWatch, "list" | "problems" | "outdated">;
}

/** One watch's view of the files. */
function createFollower(
  { kinds: own, log, onChange }: WatchOptions,
  { memory, kinds }: { readonly memory: Remembered; readonly kinds: readonly string[] },
): Follower {
  const read = createKindReader(own);
  let inForce: ReadonlyMap<string, FileInForce> | undefined;
  let resources: readonly Resource[] = [];
  let problems: readonly Problem[] = [];
  let outdated: ReadonlySet<Resource> = new Set();
  return {
    async take(files) {
      const before = inForce;
      const next = applyFiles(files, before ?? new Map(), { read, memory, kinds });
      if (before?.size === next.size && [...next].every(([path, file]) => before.get(path) === file)) return;
      inForce = next;
      const combined = combine(next.values());
      if (log) tell(combined.problems, problems, log);
      ({ resources, problems } = combined);
      outdated = new Set([...next.values()].flatMap((file) => (file.outdated ? file.resources : [])));
      onChange?.(resources);
      await memory.keep(new Map([...next].flatMap(([path, { text }]) => (text === undefined ? [] : [[path, text]]))));
    },
    watch: { list: () => resources, problems: () => problems, outdated: () => outdated },
  };
}

/** Logs problems that were not there before. */
function tell(found: readonly Problem[], before: readonly Problem[], log: Log): void {
  for (const problem of found.filter((each) => !before.includes(each)))
    log.warn({ origin: originText(problem.origin) }, problemText(problem));
}

interface Following {
  readonly dir: string;
  readonly clock: Clock;
  readonly pollMs: number;
  onEvent(): void;
}

/** The system's events come at once and not everywhere; a look now and then comes everywhere. */
function followFolder({ dir, clock, pollMs, onEvent }: Following): () => void {
  let cancel = (): void => undefined;
  const watcher = watchFolder(dir, () => {
    cancel();
    cancel = clock.after(SETTLE_MS, onEvent);
  });
  watcher.on("error", () => watcher.close());
  const stopPolling = clock.every(pollMs, onEvent);
  return () => {
    cancel();
    stopPolling();
    watcher.close();
  };
}

/** A call during a scan gets the next scan: the running one may already have passed the file in question. */
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
