import type { Claims } from "@patchbay/wire";

/** One stream of reports. */
export interface Session {
  /** The proven service of the proxy, "namespace/name". */
  readonly service: string;
  /** Boot identities that it reported for. */
  readonly boots: Set<string>;
}

export function createSession({ namespace, name }: Claims): Session {
  return { service: `${namespace}/${name}`, boots: new Set() };
}
