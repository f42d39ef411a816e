import type { Log } from "@patchbay/wire";
import type { Guard, Peer } from "../../core/policy/guard.ts";
import type { Deadlines } from "../../core/routing/deadlines.ts";
import type { RequestObserver } from "../../core/tap/request-observer.ts";
import type { Direction, Recorder, Router } from "../../core/types.ts";
import type { Counters } from "../counters.ts";
import type { Upstreams } from "../upstream/upstreams.ts";
import type { Limits } from "./limits.ts";

/** What all exchanges of one direction share. */
export interface Side {
  readonly direction: Direction;
  readonly router: Router;
  readonly upstreams: Upstreams;
  readonly recorder: Recorder;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly deadlines: Deadlines;
  readonly log: Log;
  /** Inbound: decides what may come in. Undefined: everything. */
  readonly guard: Guard | undefined;
  /** Asked at each request. */
  readonly witnesses: readonly RequestObserver[];
  /** Names this sidecar in `mesh-via`; empty: not looked at. */
  readonly marker: string;
  /** No new work is wanted: answers say `connection: close`. */
  readonly draining: () => boolean;
}

/** What is known of everything that comes over one connection. */
export interface Origin {
  readonly side: Side;
  readonly peer: Peer;
  /** The connection is mutually authenticated. */
  readonly tls: boolean;
  /** Where everything on it leads (a tunnel, a local port of `listens`); empty: each request says. */
  readonly authority: string;
}

/** The authority that a request on the connection asks for. */
export function authorityOf(origin: Origin, { authority }: { readonly authority: string }): string {
  return origin.authority === "" ? authority : origin.authority;
}
