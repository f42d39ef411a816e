/** What a command's exit code says. Also in `mesh --help`. */
export const exitCodes = {
  ok: 0,
  /** The command ran and found a failure, or could not do what was asked. */
  failure: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** No mesh is running for this user. */
  noMesh: 3,
  interrupted: 130,
} as const;

/** Ends a command with a message for people (what happened, why, what to do next) and an exit code. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}
