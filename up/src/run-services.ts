import type { Environment, Settings } from "@patchbay/runtime";
import type { LogFile } from "./log-file.ts";

/** What both ways of running the core services need. */
export interface RunServicesOptions {
  /** With the registry's host and port, fixed for the life of the mesh. */
  readonly environment: Environment;
  readonly env: NodeJS.ProcessEnv;
  readonly key: Uint8Array;
  readonly settings: Settings;
  /** Opens the log of a component. */
  readonly openLog: (name: string) => LogFile;
  readonly signal: AbortSignal;
}

/** A core service that runs. */
export interface ServiceInfo {
  readonly name: string;
  /** Undefined between two starts. */
  pid(): number | undefined;
  restarts(): number;
}

export interface RunningServices {
  /** The registry's, "http://host:port". */
  readonly address: string;
  readonly services: readonly ServiceInfo[];
  stop(): Promise<void>;
}
