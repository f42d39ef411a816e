import { type CallerKind, type ClosableTransport, createTransport, mintToken } from "@patchbay/wire";

/** What all tokens of tests are made from. */
export const TEST_KEY: Uint8Array = new Uint8Array(32).fill(7);

/** Who a token proves to be. */
export interface TestCaller {
  readonly kind: CallerKind;
  /** Default: "tester". */
  readonly name?: string;
  /** Default: "default". */
  readonly namespace?: string;
  /** Default: "one". */
  readonly instance?: string;
}

const LIFE_MS = 3_600_000;

export function testToken({ kind, name = "tester", namespace = "default", instance = "one" }: TestCaller): string {
  return mintToken(TEST_KEY, { kind, namespace, name, instance, expiresAt: Date.now() + LIFE_MS });
}

/** A transport that proves to be this caller. */
export function transportAs(address: string, caller: TestCaller): ClosableTransport {
  return createTransport({ address, token: () => testToken(caller) });
}
