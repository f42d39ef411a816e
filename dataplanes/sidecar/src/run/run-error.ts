/** Why a program could not be run, in a sentence that says what to do. */
export class RunError extends Error {
  override readonly name = "RunError";
  /** `no-mesh`: none is running. `usage`: the request cannot be meant. `port`: somebody has the program's port. `sidecar`: it could not start. */
  readonly code: "no-mesh" | "usage" | "port" | "sidecar";

  constructor(code: RunError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
