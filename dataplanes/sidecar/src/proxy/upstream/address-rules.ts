import { isLoopback, parseIp, whyForbidden } from "@patchbay/model";
import { RefusedAddress } from "./connect-errors.ts";

/** Why a resolved address may not be connected to; undefined: it may. */
export type AddressCheck = (address: string, port: number) => RefusedAddress | undefined;

/** `ownPorts`: where this sidecar accepts what the program sends; a connection to them would go round. */
export function createAddressCheck(ownPorts: () => ReadonlySet<number>): AddressCheck {
  return (address, port) => {
    const ip = parseIp(address);
    // An address with a zone is link-local.
    const why = ip === undefined ? "not a plain IP address" : whyForbidden(ip);
    if (why !== undefined) return new RefusedAddress("forbidden", `${address} is ${why}; nothing is forwarded there`);
    if (isLoopbackAddress(address) && ownPorts().has(port))
      return new RefusedAddress("loop", `${address}:${port} is this sidecar itself`);
    return undefined;
  };
}

/** This very machine, where our own ports are. */
export function isLoopbackAddress(text: string): boolean {
  const ip = parseIp(text);
  return ip !== undefined && isLoopback(ip);
}
