import { tryParseAuthority, VISITED_HEADER } from "@patchbay/model";
import { endpointKey } from "../../core/report/endpoint-key.ts";
import { failureOf } from "../../core/routing/retry-rules.ts";
import type { Endpoint } from "../../core/types.ts";
import type { Attempt, AttemptEvents, Outgoing } from "../exchange/exchange-types.ts";
import { createStreamingAttempt } from "../exchange/streaming-attempt.ts";
import { Http1Attempt, http1RequestFields } from "../http1/attempt.ts";
import { Http2Attempt } from "../http2/attempt.ts";
import type { Limits } from "../listeners/limits.ts";
import type { Egress } from "./egress.ts";
import type { ForwardProxy } from "./egress-proxies.ts";
import { createEndpointConnections, type Dial, type EndpointConnections } from "./endpoint-connections.ts";
import type { UpstreamConnector } from "./upstream-connector.ts";

/** Where one attempt goes. */
export interface Destination extends Endpoint {
  /** Outside of the mesh; `proxy`: by way of this forward proxy. */
  readonly outside?: { readonly proxy: ForwardProxy | undefined };
}

/** Connections to everywhere, and requests over them. */
export interface Upstreams {
  open(destination: Destination, outgoing: Outgoing, events: AttemptEvents): Attempt;
  /** Where a request for an authority outside of the mesh goes; undefined: it is none. */
  outside(authority: string): Destination | undefined;
  /** Once a second: drops what is idle or dead. `now` on `performance.now()`'s clock. */
  tend(now: number): void;
  destroy(): void;
}

export interface UpstreamsOptions {
  readonly connector: UpstreamConnector;
  readonly outside: Egress | undefined;
  readonly limits: Limits;
  readonly namespace: string;
}

/** Milliseconds after which an unused connection is given up. */
const IDLE_MS = 60_000;

export function createUpstreams({ connector, outside, limits, namespace }: UpstreamsOptions): Upstreams {
  const all = new Map<string, EndpointConnections>();
  let stopped = false;
  function connections(destination: Destination): EndpointConnections {
    const key = keyOf(destination);
    let held = all.get(key);
    if (held === undefined) {
      const http1Protocol = destination.protocol === "opaque" ? "mesh-opaque/1" : "http/1.1";
      held = createEndpointConnections(dialTo(destination, connector, outside), limits, http1Protocol);
      all.set(key, held);
    }
    return held;
  }
  return {
    open(destination, outgoing, events) {
      // What ends because of the stop is tried again a moment later, and would open connections that are never closed.
      if (stopped) return failing(events, "the sidecar stops");
      return openAttempt({ connections: connections(destination), destination, outgoing, events, limits });
    },
    outside(authority) {
      const target = tryParseAuthority(authority, namespace);
      if (target === undefined || outside === undefined) return undefined;
      const { shortHost: host, port } = target;
      return {
        address: host,
        port,
        protocol: "any",
        identity: "",
        outside: { proxy: outside.proxyFor({ host, port }) },
      };
    },
    tend(now) {
      for (const [key, held] of all) {
        held.prune(now - IDLE_MS);
        if (held.empty && all.delete(key)) held.destroy();
        else held.probe();
      }
    },
    destroy() {
      stopped = true;
      for (const held of all.values()) held.destroy();
      all.clear();
    },
  };
}

function keyOf(destination: Destination): string {
  const { outside, identity } = destination;
  if (outside === undefined) return `${endpointKey(destination)} ${identity} ${destination.protocol}`;
  return `${endpointKey(destination)} outside ${outside.proxy?.host ?? ""}`;
}

function dialTo(destination: Destination, connector: UpstreamConnector, outside: Egress | undefined): Dial {
  if (destination.outside === undefined || outside === undefined)
    return (protocol, connected) => connector.connect(destination, protocol, connected);
  const { proxy } = destination.outside;
  const target = { host: destination.address, port: destination.port };
  if (proxy === undefined) return (_protocol, connected) => outside.direct(target, connected);
  return (protocol, connected) =>
    protocol === "h2" ? outside.tunnel(target, connected) : outside.toProxy(proxy, target, connected);
}

interface Opening {
  readonly connections: EndpointConnections;
  readonly destination: Destination;
  readonly outgoing: Outgoing;
  readonly events: AttemptEvents;
  readonly limits: Limits;
}

/** Keeps the client's protocol, unless the endpoint speaks another one. */
function openAttempt({ connections, destination, outgoing, events, limits }: Opening): Attempt {
  const { protocol } = destination;
  if (protocol === "http2" || (protocol === "any" && outgoing.version === 2))
    return new Http2Attempt(connections.http2(), outgoing, events);
  const { head, held } = outgoing;
  const path = pathFor(destination, outgoing);
  const fields = http1RequestFields(head);
  if (outgoing.visited !== "") fields.push(VISITED_HEADER, outgoing.visited);
  const authorization = destination.outside?.proxy?.authorization ?? "";
  if (authorization !== "") fields.push("proxy-authorization", authorization);
  // undici has no word for "OPTIONS *".
  if (held !== undefined && head.upgrade === "" && !head.expectsContinue && head.path !== "*") {
    return new Http1Attempt({
      pool: connections.http1(),
      events,
      request: { method: head.method, path, headers: fields, body: held },
    });
  }
  if (!connections.occupy()) return failing(events, "all connections to it are busy");
  const released = (): void => connections.vacate();
  return createStreamingAttempt({
    agent: connections.agent(),
    path,
    fields,
    outgoing,
    events,
    maxHeadBytes: limits.maxHeadBytes,
    released,
  });
}

/** A forward proxy is asked with the whole URL, RFC 9112 §3.2.2. */
function pathFor(destination: Destination, { head }: Outgoing): string {
  if (destination.outside?.proxy === undefined) return head.path;
  return `http://${head.authority}${head.path === "*" ? "" : head.path}`;
}

/** Comes to nothing as soon as it is started. */
function failing(events: AttemptEvents, message: string): Attempt {
  const nothing = (): void => undefined;
  return {
    start: () => events.onFailure(failureOf("overload", message)),
    cancel: nothing,
    pause: nothing,
    resume: nothing,
  };
}
