import type { Endpoint } from "../types.ts";

/** What makes two endpoints the same one: "10.0.0.1:80", "[::1]:80". */
export function endpointKey(endpoint: Pick<Endpoint, "address" | "port">): string {
  return endpoint.address.includes(":")
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}
