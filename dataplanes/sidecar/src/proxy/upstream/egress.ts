import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { isMetadataName } from "@patchbay/model";
import type { AddressCheck } from "./address-rules.ts";
import { type Awaiting, awaitConnection, type Connected } from "./await-connection.ts";
import { RefusedAddress } from "./connect-errors.ts";
import type { ForwardProxy, ProxyChooser } from "./egress-proxies.ts";

/** A host outside of the mesh, by name or address. */
export interface EgressHost {
  readonly host: string;
  readonly port: number;
}

/** Connections that leave the mesh. */
export interface Egress {
  /** The forward proxy that plain HTTP requests to the host are sent to; undefined: the host itself. */
  proxyFor(target: EgressHost): ForwardProxy | undefined;
  /** To the host itself, for opaque bytes: directly or through a forward proxy's CONNECT. */
  tunnel(target: EgressHost, connected: Connected): void;
  /** To the host by DNS. */
  direct(target: EgressHost, connected: Connected): void;
  /** To a forward proxy, for requests to the host. */
  toProxy(proxy: ForwardProxy, target: EgressHost, connected: Connected): void;
}

export interface EgressOptions {
  readonly choose: ProxyChooser;
  readonly checkAddress: AddressCheck;
  /** Milliseconds, DNS included. */
  readonly connectMs: number;
}

export function createEgress({ choose, checkAddress, connectMs }: EgressOptions): Egress {
  function direct({ host, port }: EgressHost, connected: Connected): void {
    const refused = isIP(host) === 0 ? undefined : checkAddress(host, port);
    if (refused !== undefined) return connected(refused, null);
    const socket = connect({
      host,
      port,
      noDelay: true,
      allowHalfOpen: true,
      lookup: checkedLookup(checkAddress, port),
    });
    awaitConnection({ socket, ready: "connect", connectMs, connected });
  }
  return {
    proxyFor: (target) => choose({ ...target, tunnel: false }),
    direct,
    tunnel(target, connected) {
      const proxy = choose({ ...target, tunnel: true });
      if (proxy === undefined) return direct(target, connected);
      const refused = proxiedRefusal(target, checkAddress);
      if (refused !== undefined) return connected(refused, null);
      connectThrough({ proxy, target, connectMs, connected });
    },
    toProxy(proxy, target, connected) {
      const refused = proxiedRefusal(target, checkAddress);
      if (refused !== undefined) return connected(refused, null);
      // Configured by the operator of this sidecar, so its address is not checked.
      const { host, port, tls } = proxy;
      const socket = tls
        ? tlsConnect({ host, port, servername: isIP(host) === 0 ? host : "" })
        : connect({ host, port });
      socket.setNoDelay(true);
      awaitConnection({ socket, ready: tls ? "secureConnect" : "connect", connectMs, connected });
    },
  };
}

/** The proxy resolves the name, so only what the name itself says can be checked. */
function proxiedRefusal(target: EgressHost, check: AddressCheck): RefusedAddress | undefined {
  if (isIP(target.host) !== 0) return check(target.host, target.port);
  if (isMetadataName(target.host))
    return new RefusedAddress("forbidden", `${target.host} is a cloud's metadata service`);
  return undefined;
}

/** Resolves a name and lets through only addresses that may be connected to, so that what was checked is what is used. */
function checkedLookup(check: AddressCheck, port: number): LookupFunction {
  return (host, options: LookupOptions, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, "", 0);
      const allowed = addresses.filter(({ address }) => check(address, port) === undefined);
      const [first] = allowed;
      const [bad] = addresses;
      if (first === undefined) {
        const refused = bad === undefined ? undefined : check(bad.address, port);
        return callback(refused ?? new Error(`DNS knows no address of ${host}`), "", 0);
      }
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

interface Through extends Omit<Awaiting, "socket" | "ready"> {
  readonly proxy: ForwardProxy;
  readonly target: EgressHost;
}

/** Asks a forward proxy for a tunnel, RFC 9110 §9.3.6. */
function connectThrough({ proxy, target, connectMs, connected }: Through): void {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const authority = `${host}:${target.port}`;
  const headers = {
    host: authority,
    ...(proxy.authorization === "" ? {} : { "proxy-authorization": proxy.authorization }),
  };
  const make = proxy.tls ? httpsRequest : httpRequest;
  const request = make({
    host: proxy.host,
    port: proxy.port,
    method: "CONNECT",
    path: authority,
    headers,
    agent: false,
  });
  let settled = false;
  const settle = (error: Error | null, socket: Socket | null): void => {
    clearTimeout(timer);
    if (settled) return void socket?.destroy();
    settled = true;
    connected(error, socket);
  };
  const timer = setTimeout(() => request.destroy(new Error(`no tunnel within ${connectMs} ms`)), connectMs);
  request.on("error", (error) => settle(error, null));
  request.once("connect", (response, socket, first) => {
    if (first.length > 0) socket.unshift(first);
    if (response.statusCode === 200) return settle(null, socket);
    socket.destroy();
    settle(new Error(`the forward proxy ${proxy.host} answered ${response.statusCode}`), null);
  });
  request.once("response", (response) => {
    response.destroy();
    settle(new Error(`the forward proxy ${proxy.host} answered ${response.statusCode}`), null);
  });
  request.end();
}
