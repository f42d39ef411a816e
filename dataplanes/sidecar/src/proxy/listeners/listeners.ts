import type { Socket } from "node:net";
import type { Direction } from "../../core/types.ts";
import type { Origins, ProxyContext } from "../proxy-context.ts";
import type { LocalPort, ProxyOptions } from "../proxy-options.ts";
import { createListener, type Listener } from "./listener.ts";
import type { Servers } from "./servers.ts";

/** All ports of one proxy. */
export interface Listeners {
  open(): Promise<void>;
  /** Accepts no more. */
  close(direction: Direction): void;
  /** Connections still open. */
  busy(direction: Direction): number;
  destroy(direction: Direction): void;
  readonly ports: { readonly outbound: number; readonly inbound: number; readonly listens: readonly number[] };
}

export interface ListenersOptions {
  readonly plumbing: ProxyContext;
  readonly origins: Origins;
  readonly servers: Servers;
}

export function createListeners(options: ProxyOptions, parts: ListenersOptions): Listeners {
  const { plumbing, origins, servers } = parts;
  const { switchboard } = servers;
  const listen = (host: string, port: number, onSocket: (socket: Socket) => void): Listener =>
    createListener({
      host,
      port,
      maxConnections: plumbing.limits.maxConnections,
      counters: plumbing.counters,
      onSocket,
    });

  const outbound = listen(options.outbound.host, options.outbound.port, (socket) =>
    switchboard.proxyClient(socket, origins.outbound),
  );
  const listens = (options.listens ?? []).map((local) =>
    listen(options.outbound.host, local.port, (socket) => localClient(parts, local, socket)),
  );
  const inbound = openInbound();
  function openInbound(): Listener | undefined {
    const origin = origins.inbound;
    if (options.inbound === undefined || origin === undefined) return undefined;
    return listen(options.inbound.host, options.inbound.port, (socket) => switchboard.inbound(socket, origin));
  }

  const ports = { outbound: 0, inbound: 0, listens: [] as number[] };
  const of = (direction: Direction): readonly Listener[] =>
    direction === "outbound" ? [outbound, ...listens] : inbound === undefined ? [] : [inbound];
  const destroy = (direction: Direction): void => {
    for (const listener of of(direction)) listener.destroy();
  };
  return {
    ports,
    async open() {
      try {
        ports.outbound = await outbound.start();
        for (const listener of listens) ports.listens.push(await listener.start());
        ports.inbound = (await inbound?.start()) ?? 0;
      } catch (error) {
        destroy("outbound");
        destroy("inbound");
        throw error;
      }
      for (const port of [ports.outbound, ...ports.listens]) plumbing.ownPorts.add(port);
    },
    close(direction) {
      for (const listener of of(direction)) listener.close();
    },
    busy: (direction) => of(direction).reduce((sum, listener) => sum + listener.open, 0),
    destroy,
  };
}

function localClient({ origins, servers }: ListenersOptions, { authority, opaque }: LocalPort, socket: Socket): void {
  const origin = { ...origins.outbound, authority };
  if (opaque === true) servers.opaque(socket, origin);
  else servers.switchboard.tunnel(socket, origin);
}
