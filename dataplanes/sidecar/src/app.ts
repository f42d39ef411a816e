import { CORE_VERSION, developmentSettings, type Settings } from "@patchbay/runtime";
import { LATENCY_BUCKETS, type Lease, type Log, latencyBucket, newInstanceId, pause } from "@patchbay/wire";
import type { Environment } from "./core/capture-environment.ts";
import { createRecorder } from "./core/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "./core/report-table.ts";
import type { Counters } from "./proxy/counters.ts";
import type { Limits } from "./proxy/limits.ts";
import { createProxy } from "./proxy/proxy.ts";
import type { HostPort, LocalPort, SidecarProxy } from "./proxy/proxy-options.ts";
import { announceSidecar } from "./sources/announcement.ts";
import { type ControlPlane, connectControlPlane } from "./sources/control-plane.ts";
import { createIdentityClient, type IdentityClient } from "./sources/identity-client.ts";
import { createReporter, type Reporter, type ReporterStats } from "./sources/reporter.ts";
import { createRouter, type RunningRouter } from "./sources/router.ts";
import { within } from "./within.ts";

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
  /** Names held at destination. */
  readonly names: number;
}

/**
 * How long a change takes from the registry to the last client on a laptop, doubled: destination coalesces for 10 ms, the rest is
 * loopback, and a busy machine has its share.
 */
export const SETTLE_MS = 300;
/** A program that starts wants to call: its certificate comes first, unless identity is away. */
const CERTIFICATE_WAIT_MS = 1_500;
const LAST_REPORT_MS = 500;

/** Starts a sidecar. Rejects with a sentence when a port cannot be had; then nothing is left open. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const parts = createParts(options);
  try {
    await parts.proxy.start();
  } catch (error) {
    parts.close();
    throw error;
  }
  await within(parts.identity.ready(), CERTIFICATE_WAIT_MS);
  const { proxy } = parts;
  const life = createLife(options, parts);
  return {
    outboundPort: proxy.outboundPort,
    inboundPort: proxy.inboundPort,
    listenPorts: proxy.listenPorts,
    ...life,
    stats: () => ({ proxy: proxy.stats(), reports: parts.reporter.stats(), names: parts.router.names() }),
    [Symbol.asyncDispose]: () => life.stop(),
  };
}

interface Parts {
  /** Asked by the proxy at each request, so that the program's host may turn out to be another one. */
  readonly app: { host: string; readonly port: number } | undefined;
  readonly instance: string;
  readonly controlPlane: ControlPlane;
  readonly router: RunningRouter;
  readonly identity: IdentityClient;
  readonly reporter: Reporter;
  readonly proxy: SidecarProxy;
  close(): void;
}

function createParts(options: SidecarOptions): Parts {
  const { name, namespace = "default", log, settings = developmentSettings, inbound } = options;
  const app = options.app === undefined ? undefined : { ...options.app };
  const instance = newInstanceId();
  const controlPlane = connectControlPlane({ ...options, self: { namespace, name, instance } });
  const router = createRouter({ destination: controlPlane.locate("destination"), namespace, log });
  const identity = createIdentityClient({ identity: controlPlane.locate("identity"), name, log });
  const table = createReportTable({ ...REPORT_LIMITS, buckets: LATENCY_BUCKETS, bucketOf: latencyBucket });
  const reporter = createReporter({
    table,
    bootId: instance,
    reporter: `${namespace}/${name}`,
    intervalMs: settings.reportIntervalMs,
    addresses: () => controlPlane.addresses("telemetry"),
    at: controlPlane.at,
    log,
  });
  controlPlane.onMove("destination", router.retryNow);
  controlPlane.onMove("identity", identity.retryNow);
  controlPlane.onMove("telemetry", reporter.retryNow);
  const proxy = createProxy({
    self: { service: name, namespace },
    outbound: { host: LOOPBACK, port: options.outboundPort ?? 0 },
    ...(app === undefined ? {} : { inbound: { ...(inbound ?? { host: LOOPBACK, port: 0 }), app } }),
    ...(options.listens === undefined ? {} : { listens: options.listens }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    router,
    identity,
    recorder: createRecorder(table),
    log,
  });
  const close = (): void => {
    proxy.stop();
    reporter.stop();
    router.stop();
    identity.stop();
    controlPlane.close();
  };
  return { app, instance, controlPlane, router, identity, reporter, proxy, close };
}

const LOOPBACK = "127.0.0.1";

/** From the announcement to the end: who is told what, in which order. */
function createLife(options: SidecarOptions, parts: Parts): Pick<Sidecar, "setReadiness" | "drain" | "stop"> {
  const { settings = developmentSettings, settleMs = SETTLE_MS } = options;
  const serves = options.app !== undefined;
  let program = serves ? { ready: false, reason: "the program has not started" } : { ready: true, reason: "" };
  let drained: Promise<number> | undefined;
  let stopped: Promise<void> | undefined;
  const lease = announce(options, parts, () => program);
  const stopListening = parts.identity.onChange(() => lease.announceAgain());

  async function drain(): Promise<number> {
    await lease.drain("the program is being stopped");
    if (!serves) return 0;
    await pause(settleMs);
    return parts.proxy.drainInbound(settings.drainMs);
  }

  async function stop(): Promise<void> {
    stopListening();
    // Requests that are cut now are counted in the last report.
    parts.proxy.stop();
    await Promise.all([parts.reporter.flush(LAST_REPORT_MS), lease.drain("the sidecar ends")]);
    lease.close();
    parts.close();
  }

  return {
    setReadiness({ ready, reason, host }) {
      if (parts.app !== undefined && host !== undefined) parts.app.host = host;
      if (program.ready === ready && program.reason === reason) return;
      program = { ready, reason };
      lease.announceAgain();
    },
    drain: () => (drained ??= drain()),
    stop: () => (stopped ??= stop()),
  };
}

function announce(options: SidecarOptions, parts: Parts, program: () => { ready: boolean; reason: string }): Lease {
  const { name, namespace = "default", app, log } = options;
  const { identity, proxy } = parts;
  const address = options.inbound?.host ?? LOOPBACK;
  return announceSidecar({
    registry: parts.controlPlane.registry,
    name,
    namespace,
    instance: parts.instance,
    version: CORE_VERSION,
    workload: app === undefined ? undefined : { service: name, address, port: proxy.inboundPort },
    readiness() {
      // Without a certificate nobody could be sure to have reached this program.
      if (identity.current() === undefined) return { ready: false, reason: "no certificate yet" };
      return program();
    },
    spiffeId: () => identity.current()?.spiffeId ?? "",
    log,
  });
}
