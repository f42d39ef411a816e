import type { ReporterStats } from "@patchbay/dataplane-client";
import type { ExporterStats, Settings } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import type { Environment } from "./core/capture-environment.ts";
import type { DefaultAuthorization } from "./core/policy/policy-rules.ts";
import type { Counters } from "./proxy/counters.ts";
import type { Limits } from "./proxy/listeners/limits.ts";
import type { HostPort, LocalPort } from "./proxy/proxy-options.ts";
import type { PolicyStats } from "./sources/policy-enforcement.ts";

export interface SidecarOptions {
  /** "http://host:port" of the registry. */
  readonly registry: string;
  /** The development key, from which the sidecar's tokens are made. */
  readonly key: Uint8Array;
  /** The service behind the sidecar; of a program that only calls, the program's name. A DNS label. */
  readonly name: string;
  /** Default "default". */
  readonly namespace?: string;
  /** Where the program accepts connections. Undefined: it only calls, and nothing comes in. */
  readonly app?: HostPort;
  /** Port on loopback for what the program calls. Default 0: a free one. */
  readonly outboundPort?: number;
  /** Where others reach the program. Default: a free port on loopback. */
  readonly inbound?: HostPort;
  readonly listens?: readonly LocalPort[];
  /** Variables of the program's environment before it was captured: a forward proxy named there leads out of the mesh. */
  readonly environment?: Environment;
  /** The folder where the rules in force are kept for a start without the policy service. Default: they are not kept. */
  readonly stateDir?: string;
  /** What is decided before any rules are known. Default "allow". */
  readonly defaultAuthorization?: DefaultAuthorization;
  readonly settings?: Settings;
  readonly limits?: Partial<Limits>;
  /** From "deregistered" until clients know, before the drain begins. */
  readonly settleMs?: number;
  readonly log: Log;
}

/** A running sidecar: the proxy beside one program, and everything that it knows. */
export interface Sidecar extends AsyncDisposable {
  readonly outboundPort: number;
  /** 0: nothing comes in. */
  readonly inboundPort: number;
  /** Of `listens`, in their order. */
  readonly listenPorts: readonly number[];
  /** Whether the program accepts requests. Its endpoint appears and disappears with it. */
  setReadiness(readiness: ProgramReadiness): void;
  /**
   * Takes the program out of use without failing a request: deregisters, waits until clients know, lets what is in flight end.
   * What the program calls goes on. Resolves with the number of requests that had to be cut.
   */
  drain(): Promise<number>;
  /** Makes the last report, gives the lease back, and closes everything. */
  stop(): Promise<void>;
  stats(): SidecarStats;
}

export interface ProgramReadiness {
  readonly ready: boolean;
  /** Why not. */
  readonly reason: string;
  /** Where it accepts, when that is not the host that `app` said: many servers listen on ::1 alone. */
  readonly host?: string;
}

export interface SidecarStats {
  readonly proxy: Readonly<Counters>;
  readonly reports: ReporterStats;
  /** Spans by outcome. */
  readonly traces: ExporterStats;
  /** Names held at destination. */
  readonly names: number;
  readonly policy: PolicyStats;
  /** Selections of single requests that are in force. */
  readonly taps: number;
}
