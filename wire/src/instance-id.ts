import { randomBytes } from "node:crypto";

/** A name for one start of a process: twelve random hex digits, never reused. */
export function newInstanceId(): string {
  return randomBytes(6).toString("hex");
}
