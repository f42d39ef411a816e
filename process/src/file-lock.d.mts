/** How to wait for a lock. */
export interface FileLockOptions {
  /** Called once when a living process holds it. */
  readonly onWait?: (pid: number) => void;
  readonly pollMs?: number;
}

/** Holds the file while `work` runs; waits while another living process holds it. */
export function withFileLock<Result>(
  path: string,
  work: () => Promise<Result>,
  options?: FileLockOptions,
): Promise<Result>;

/** Takes the lock for this process, also from a process that is gone; false when another one holds it or is taking it. */
export function takeFileLock(path: string): boolean;

/** Removes the file when this process holds it. */
export function releaseFileLock(path: string): void;

/** The process that holds it; undefined without a file, 0 when it has no process id. */
export function fileLockHolder(path: string): number | undefined;

/** True when a process of this user has this id. */
export function processAlive(pid: number): boolean;
