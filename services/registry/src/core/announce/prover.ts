import type { Proven } from "./claim.ts";

/** Who somebody is, and until when that is good. */
export interface ProvenUntil extends Proven {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Turns a token into a proven identity. Development keys do so now, service account tokens of a cluster later. */
export interface Prover {
  /** What registrations say about how they were proven, such as "development key". */
  readonly method: string;
  /** Rejects with the reason when the token proves nothing. */
  prove(token: string): Promise<ProvenUntil>;
}
