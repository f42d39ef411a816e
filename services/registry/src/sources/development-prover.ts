import { verifyToken } from "@patchbay/wire";
import type { Prover } from "../core/announce/prover.ts";

/** Proves by the key that only this user of the machine can read: the operating system's user is the trust boundary. */
export function createDevelopmentProver(key: Uint8Array, now: () => number): Prover {
  return {
    method: "development key",
    prove: async (token) => verifyToken(key, token, now()),
  };
}
