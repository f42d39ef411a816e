import { parseCidr, parseIp } from "@patchbay/model";
import type { Environment } from "../../core/capture-environment.ts";
import { isLoopbackAddress } from "./address-rules.ts";

/** A forward proxy that the environment named before we took its variables over. */
export interface ForwardProxy {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Value of Proxy-Authorization; empty: none. */
  readonly authorization: string;
}

/** Which proxy, if any, leads to a host outside of the mesh. */
export type ProxyChooser = (target: {
  readonly host: string;
  readonly port: number;
  readonly tunnel: boolean;
}) => ForwardProxy | undefined;

/**
 * Reads http_proxy, https_proxy, all_proxy and no_proxy (lower case first, then upper case), with curl's meaning of no_proxy: "*",
 * a host, a domain with or without leading dot, an address or CIDR range, each with an optional port.
 * A proxy that cannot be understood is left out and told to `complain`.
 */
export function readEgressProxies(environment: Environment, complain: (message: string) => void): ProxyChooser {
  const get = (name: string): string =>
    [environment[name], environment[name.toUpperCase()]].find((value) => value !== undefined && value !== "") ?? "";
  const parse = (name: string): ForwardProxy | undefined => {
    const value = get(name);
    const proxy = value === "" ? undefined : parseProxy(value);
    if (value !== "" && proxy === undefined) complain(`${name} is not an http:// or https:// URL; it is not used`);
    return proxy;
  };
  const all = parse("all_proxy");
  const plain = parse("http_proxy") ?? all;
  const tunnel = parse("https_proxy") ?? all;
  if (plain === undefined && tunnel === undefined) return () => undefined;
  const direct = parseNoProxy(get("no_proxy"));
  return (target) => (direct(target.host, target.port) ? undefined : target.tunnel ? tunnel : plain);
}

function parseProxy(value: string): ForwardProxy | undefined {
  const text = value.includes("://") ? value : `http://${value}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  const tls = url.protocol === "https:";
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (tls ? 443 : 80) : Number(url.port),
    tls,
    authorization: user === ":" ? "" : `Basic ${Buffer.from(user).toString("base64")}`,
  };
}

type Direct = (host: string, port: number) => boolean;

function parseNoProxy(value: string): Direct {
  const rules = value
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .map(parseEntry);
  return (host, port) => isLoopbackName(host) || rules.some((rule) => rule(host, port));
}

/** A proxy elsewhere cannot know what "localhost" means here. */
function isLoopbackName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || isLoopbackAddress(host);
}

function parseEntry(entry: string): Direct {
  if (entry === "*") return () => true;
  const range = parseRange(entry);
  if (range !== undefined) return range;
  const match = /^\*?\.?(\[[^\]]+\]|[^:]+|[0-9a-f:]+)(?::(\d+))?$/i.exec(entry);
  if (match === null) return () => false;
  const name = (match[1] ?? "").replace(/^\[|\]$/g, "").toLowerCase();
  const only = match[2] === undefined ? undefined : Number(match[2]);
  return (host, port) => (only === undefined || only === port) && (host === name || host.endsWith(`.${name}`));
}

function parseRange(entry: string): Direct | undefined {
  if (!entry.includes("/")) return undefined;
  const block = parseCidr(entry);
  return (host) => {
    const ip = parseIp(host);
    return block !== undefined && ip !== undefined && block.contains(ip);
  };
}
