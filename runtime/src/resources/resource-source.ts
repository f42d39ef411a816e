import type { Log } from "@patchbay/wire";
import type { Problem, Resource, ResourceKind } from "./resource.ts";

/** Where resources come from: a folder of files, or one day an API server. The services of a process share one. */
export interface ResourceSource {
  /** Follows resources of some kinds. Settles after the first look. */
  watch(options: WatchOptions): Promise<ResourceWatch>;
  /** What is wrong before any kind can be told, such as a file that is no YAML. The source has logged it. */
  problems(): readonly Problem[];
}

export interface WatchOptions {
  readonly kinds: readonly ResourceKind[];
  /** Hears of problems of these kinds, each once. Default: problems are only listed. */
  readonly log?: Log;
  /** A file where last good versions outlive the process. Default: they do not. */
  readonly memory?: string;
  /** All resources in force, after each change. Those of a file that did not change are the same objects as before. */
  onChange?(resources: readonly Resource[]): void;
}

/** A file that became bad keeps its last good version in force. */
export interface ResourceWatch {
  /** In force. */
  list(): readonly Resource[];
  /** Of these kinds. */
  problems(): readonly Problem[];
  /** Those in force of which there is a newer version that is wrong. */
  outdated(): ReadonlySet<Resource>;
  /** Looks now. */
  refresh(): Promise<void>;
  stop(): void;
}
