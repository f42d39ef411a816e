import { readFile, rm } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { processAlive } from "./file-lock.mjs";
import { ensureStateDir, StateError } from "./state-dir.ts";
import { isErrno, replacePrivateFile } from "./write-private-file.ts";

/** What happens to requests that no policy selects. */
export type DefaultAuthorization = "allow" | "deny";

/** Timings of a laptop, or of a cluster. */
export type Profile = "development" | "cluster";

/** Where the running mesh of this user is, for every command. */
export interface RunFile {
  /** Of the file format. */
  readonly version: 1;
  /** The process that all others of the mesh die with. */
  readonly pid: number;
  /** The registry's address, such as "http://127.0.0.1:4140"; the registry knows all others. */
  readonly address: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** All services in one process, or a process each. */
  readonly mode: "single" | "processes";
  readonly profile: Profile;
  /** What sidecars apply until they have policies. */
  readonly defaultAuthorization: DefaultAuthorization;
}

const VERSION = 1;

/** Where the run file of a state folder lies. */
export function runFilePath(dir: string): string {
  return join(dir, "run.json");
}

/**
 * The running mesh of this state folder; undefined when there is none, or its process is gone.
 *
 * @throws StateError when the file was written by a newer version, or cannot be understood.
 */
export async function readRunFile(dir: string): Promise<RunFile | undefined> {
  const path = runFilePath(dir);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  const run = parseRunFile(path, text);
  return startedSinceBoot(run) && processAlive(run.pid) ? run : undefined;
}

/** Replaces the run file (0600). */
export async function writeRunFile(dir: string, run: RunFile): Promise<void> {
  await ensureStateDir(dir);
  await replacePrivateFile(runFilePath(dir), `${JSON.stringify(run, undefined, 2)}\n`);
}

/** Removes the run file when it is that of process `pid`, and leaves another mesh's alone. */
export async function removeRunFile(dir: string, pid: number = process.pid): Promise<void> {
  const path = runFilePath(dir);
  try {
    if (parseRunFile(path, await readFile(path, "utf8")).pid === pid) await rm(path, { force: true });
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !(error instanceof StateError)) throw error;
  }
}

// After a boot the same process id may be any process's. A minute of tolerance for clocks that were set.
function startedSinceBoot(run: RunFile): boolean {
  return Date.parse(run.startedAt) >= Date.now() - (uptime() + 60) * 1000;
}

function parseRunFile(path: string, text: string): RunFile {
  const value = parseJson(text);
  const version = value?.["version"];
  if (typeof version === "number" && version > VERSION) {
    throw new StateError(
      `${path} was written by a newer version (format ${version}; this one reads ${VERSION}): use that version, or run its \`mesh down\` first`,
    );
  }
  const { pid, address, startedAt, mode, profile, defaultAuthorization } = value ?? {};
  if (
    version !== VERSION ||
    typeof pid !== "number" ||
    !Number.isSafeInteger(pid) ||
    pid <= 0 ||
    typeof address !== "string" ||
    typeof startedAt !== "string" ||
    (mode !== "single" && mode !== "processes")
  ) {
    throw new StateError(`${path} cannot be understood: remove it, then start the mesh again`);
  }
  return {
    version,
    pid,
    address,
    startedAt,
    mode,
    profile: profile === "cluster" ? "cluster" : "development",
    defaultAuthorization: defaultAuthorization === "deny" ? "deny" : "allow",
  };
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
