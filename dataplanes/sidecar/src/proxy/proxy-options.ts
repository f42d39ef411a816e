import type { CertificateSource } from "@patchbay/dataplane-client";
import type { Log } from "@patchbay/wire";
import type { Environment } from "../core/capture-environment.ts";
import type { Guard } from "../core/policy/guard.ts";
import type { RequestObserver } from "../core/tap/request-observer.ts";
import type { Recorder, Router } from "../core/types.ts";
import type { Counters } from "./counters.ts";
import type { Limits } from "./listeners/limits.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A local port that leads to one authority, for programs that know no proxy. */
export interface LocalPort {
  /** On the outbound listener's host. 0: a free one. */
  readonly port: number;
  readonly authority: string;
  /** Opaque without protocol detection. Default: HTTP is recognised, the rest is opaque after a moment. */
  readonly opaque?: boolean;
}

export interface ProxyOptions {
  /** The workload of the proxy. An empty service: a program that only calls. */
  readonly self: { readonly service: string; readonly namespace: string };
  /** Where the program sends what it calls. Loopback only: a client of this port uses this workload's identity. Port 0: a free one. */
  readonly outbound: HostPort;
  /** Where others reach the program, and where it listens itself. */
  readonly inbound?: HostPort & { readonly app: HostPort };
  readonly listens?: readonly LocalPort[];
  readonly router: Router;
  readonly identity: CertificateSource;
  readonly recorder: Recorder;
  /** Decides what may come in. Default: everything may. */
  readonly guard?: Guard;
  /** Observers of single requests. Default: none. */
  readonly witnesses?: readonly RequestObserver[];
  /** Variables as they were before the program's were set: a forward proxy named there leads out of the mesh. Default: none. */
  readonly environment?: Environment;
  readonly limits?: Partial<Limits>;
  readonly log: Log;
}

export interface SidecarProxy {
  /** Known after `start`. */
  readonly outboundPort: number;
  /** 0: none. */
  readonly inboundPort: number;
  /** Of `listens`, in their order. */
  readonly listenPorts: readonly number[];
  /** Rejects with a sentence when a port cannot be had; then nothing is left open. */
  start(): Promise<void>;
  /**
   * Takes leave of those who call the program: accepts no connection, tells peers to go elsewhere, and waits until what is in
   * flight has ended, `ms` at most. What the program itself calls goes on meanwhile. Resolves with the number of requests and
   * connections that had to be cut.
   */
  drainInbound(ms: number): Promise<number>;
  /** `drainInbound`, then the same for what the program calls, all within `ms`. */
  drain(ms: number): Promise<number>;
  /** Closes everything at once. */
  stop(): void;
  stats(): Readonly<Counters>;
}
