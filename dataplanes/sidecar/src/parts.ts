import { developmentSettings } from "@patchbay/runtime";
import { LATENCY_BUCKETS, latencyBucket, newInstanceId } from "@patchbay/wire";
import { type Admin, createAdmin } from "./admin/server.ts";
import { createRecorder } from "./core/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "./core/report-table.ts";
import { createProxy } from "./proxy/proxy.ts";
import type { SidecarProxy } from "./proxy/proxy-options.ts";
import type { SidecarOptions } from "./sidecar.ts";
import { type ControlPlane, connectControlPlane } from "./sources/control-plane.ts";
import { createIdentityClient, type IdentityClient } from "./sources/identity-client.ts";
import { createReporter, type Reporter } from "./sources/reporter.ts";
import { createRouter, type RunningRouter } from "./sources/router.ts";
import { createTaps } from "./sources/taps.ts";

export const LOOPBACK = "127.0.0.1";

/** What a sidecar consists of, wired to each other. */
export interface Parts {
  /** Asked by the proxy at each request, so that the program's host may turn out to be another one. */
  readonly app: { host: string; readonly port: number } | undefined;
  readonly instance: string;
  readonly controlPlane: ControlPlane;
  readonly router: RunningRouter;
  readonly identity: IdentityClient;
  readonly reporter: Reporter;
  readonly proxy: SidecarProxy;
  readonly admin: Admin;
  close(): void;
}

export function createParts(options: SidecarOptions): Parts {
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
  const spiffeId = (): string => identity.current()?.spiffeId ?? "";
  const taps = createTaps({
    self: { service: name, namespace, instance, identity: spiffeId },
    serves: app !== undefined,
  });
  const admin = createAdmin({ key: options.key, taps, log });
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
    witnesses: [taps],
    log,
  });
  const close = (): void => {
    proxy.stop();
    admin.stop();
    reporter.stop();
    router.stop();
    identity.stop();
    controlPlane.close();
  };
  return { app, instance, controlPlane, router, identity, reporter, proxy, admin, close };
}
