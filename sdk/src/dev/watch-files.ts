import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "@patchbay/model";

/** What is watched, until when. */
export interface WatchOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Called once after a burst of changes has settled. */
  readonly onChange: () => void;
}

const IGNORED = new Set(["node_modules", "dist", "build", "coverage"]);
const MAX_FILES = 5_000;
/** An editor writes several files, and some by renaming: look again until nothing changes any more. */
const SETTLE_MS = 60;
/** Looks by itself too: not every file system tells of changes. */
const POLL_MS = 1_000;

/**
 * Watches a folder by what its files are (time, size, inode), not by what the system says happened: a save by renaming, a new
 * folder and a network file system are all seen. The system's events only make it look sooner.
 */
export async function watchFiles({ folder, signal, onChange }: WatchOptions): Promise<void> {
  const hints = createHints(signal);
  let seen = await snapshot(folder, hints.watch);
  while (!signal.aborted) {
    await hints.next(POLL_MS);
    const now = await snapshot(folder, hints.watch);
    if (now === seen || signal.aborted) continue;
    seen = await settled(folder, now, signal);
    if (!signal.aborted) onChange();
  }
  hints.close();
}

async function settled(folder: string, first: string, signal: AbortSignal): Promise<string> {
  let before = first;
  for (;;) {
    await pause(SETTLE_MS, signal);
    const now = await snapshot(folder, () => undefined);
    if (now === before || signal.aborted) return now;
    before = now;
  }
}

/** The state of all files as one text. Calls `onFolder` with each folder. */
async function snapshot(folder: string, onFolder: (path: string) => void): Promise<string> {
  const lines: string[] = [];
  const visit = async (path: string): Promise<void> => {
    onFolder(path);
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (lines.length >= MAX_FILES || IGNORED.has(entry.name) || entry.name.startsWith(".")) continue;
      const inside = join(path, entry.name);
      if (entry.isDirectory()) await visit(inside);
      else lines.push(await describe(inside));
    }
  };
  await visit(folder);
  return lines.sort().join("\n");
}

async function describe(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${path} ${mtimeMs} ${size} ${ino}`;
  } catch {
    // Gone between the two calls.
    return "";
  }
}

function createHints(signal: AbortSignal) {
  const watchers = new Map<string, FSWatcher>();
  let wake: () => void = () => undefined;
  const forget = (path: string) => {
    watchers.get(path)?.close();
    watchers.delete(path);
  };
  return {
    watch(path: string) {
      if (watchers.has(path) || watchers.size > 500) return;
      try {
        const watcher = watch(path, () => wake());
        watcher.on("error", () => forget(path));
        watchers.set(path, watcher);
      } catch {
        // No events for this folder; looking by itself suffices.
      }
    },
    async next(ms: number) {
      const woken = new AbortController();
      wake = () => woken.abort();
      await pause(ms, AbortSignal.any([signal, woken.signal]));
    },
    close() {
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
