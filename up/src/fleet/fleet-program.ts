/** A Node program that takes its port from PORT and calls others by their names. */
export interface FleetProgram {
  /** The service's name, or that of a program which only calls. */
  readonly name: string;
  /** Arguments for node. */
  readonly command: readonly string[];
  /** False: it only calls others. */
  readonly serves: boolean;
  /** Path that answers 2xx when it is ready. Default: it is ready when its port accepts. */
  readonly health?: string;
}

export interface FleetOptions {
  readonly programs: readonly FleetProgram[];
  /** "http://host:port" of the registry. */
  readonly registry: string;
  readonly stateDir: string;
  readonly env: NodeJS.ProcessEnv;
}
