/** Ends a command with a message for people (what happened, why, what to do) and an exit code; no stack is shown. */
export class CliError extends Error {
  override readonly name = "CliError";
  /** 1: it could not be done; 2: it was asked for in a wrong way. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
