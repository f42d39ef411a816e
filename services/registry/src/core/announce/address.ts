import {
  isMetadataName,
  printable,
  splitHostPort,
  tryParseAuthority,
  whyNoAuthority,
  whyNotEndpointAddress,
} from "@patchbay/model";
import { check } from "./check.ts";

/** "host:port" where something of the announcer's is served. */
export function checkAddress(address: string, field: string): void {
  check(!address.includes("://"), field, `"${printable(address)}" has a scheme; leave it out: host:port`);
  const wrong = whyNoAuthority(address);
  check(wrong === undefined, field, wrong ?? "");
  const split = splitHostPort(address);
  check(split?.port !== undefined, field, `"${printable(address)}" has no port; write host:port`);
  const why = whyNotCallable(address, split?.host ?? "");
  check(why === undefined, field, `"${printable(address)}" cannot be an announcer's address: it is ${why ?? ""}`);
}

function whyNotCallable(address: string, written: string): string | undefined {
  const authority = tryParseAuthority(address);
  // What is dialled is what was written, so an address has to be in its own spelling.
  if (authority?.kind === "ip") return whyNotEndpointAddress(written);
  return isMetadataName(authority?.shortHost ?? "") ? "a cloud's metadata service" : undefined;
}
