import { type HostPort, identityOf, type RequestFacts, splitHostPort, type TargetFacts } from "@patchbay/model";
import type { RequestHead } from "../http/request-head.ts";
import { routeOf } from "../routing/route-name.ts";
import type { Peer } from "./guard.ts";

export interface InboundFactsOptions {
  readonly peer: Peer;
  readonly version: 1 | 2;
  readonly target: TargetFacts;
}

/** A request that comes in, as rules see it. Its path is normalised already: what is decided on is what the program gets. */
export function inboundFacts(head: RequestHead, { peer, version, target }: InboundFactsOptions): RequestFacts {
  const mark = head.path.indexOf("?");
  const path = mark < 0 ? head.path : head.path.slice(0, mark);
  const { method, grpc } = head;
  const { host, port } = hostAndPort(head.authority);
  return {
    method,
    path,
    query: mark < 0 ? "" : head.path.slice(mark + 1),
    host,
    ...(port === undefined ? {} : { port }),
    headers: head.headers,
    protocol: grpc ? "grpc" : version === 2 ? "http/2" : "http/1.1",
    source: sourceOf(peer),
    target,
    tls: peer.identity !== "",
    direction: "inbound",
    // Made when a rule asks for it: few do.
    get route() {
      return routeOf({ method, path, grpc });
    },
  };
}

/** Bytes that nobody looks into have no method and no path. */
export function connectionFacts(peer: Peer, target: TargetFacts): RequestFacts {
  return {
    method: "",
    path: "",
    query: "",
    host: "",
    headers: NO_FIELDS,
    protocol: "http/1.1",
    source: sourceOf(peer),
    target,
    tls: peer.identity !== "",
    direction: "inbound",
  };
}

const NO_FIELDS: readonly string[] = [];

export function sourceOf({ identity, address }: Peer): RequestFacts["source"] {
  return { ...identityOf(identity), address };
}

/** Of a normalised head; what is no authority is all host. */
export function hostAndPort(authority: string): Pick<HostPort, "host" | "port"> {
  return splitHostPort(authority) ?? { host: authority, port: undefined };
}
