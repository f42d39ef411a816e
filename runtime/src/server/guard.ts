import type { IncomingHttpHeaders } from "node:http";

/** Why a request may not pass, or undefined. */
export type Guard = (headers: IncomingHttpHeaders & { ":authority"?: string | undefined }) => string | undefined;

/**
 * Stops pages of other sites that a browser on this machine shows from talking to us: the Host must be a name of
 * ours (DNS rebinding), and an Origin, which only browsers send, must be ours too.
 */
export function createGuard(hosts: readonly string[]): Guard {
  const allowed = new Set(hosts.map((host) => host.toLowerCase()));
  return (headers) => {
    const host = hostname(headers[":authority"] ?? headers.host ?? "");
    if (!allowed.has(host)) return `host "${host}" is not served here; use ${hosts[0]}`;
    const { origin } = headers;
    if (origin === undefined) return undefined;
    const name = URL.canParse(origin) ? new URL(origin).hostname.toLowerCase() : "";
    return allowed.has(name) ? undefined : `origin "${origin}" may not call this API`;
  };
}

export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];

function hostname(authority: string): string {
  return authority.toLowerCase().replace(/:\d+$/, "");
}
