import {
  type CertificateClient,
  type ControlPlane,
  connectControlPlane,
  createCertificateClient,
  createReporter,
  type Reporter,
} from "@patchbay/dataplane-client";
import { LATENCY_BUCKETS, latencyBucket } from "@patchbay/model";
import { developmentSettings } from "@patchbay/runtime";
import { newInstanceId } from "@patchbay/wire";
import { createInspect } from "./admin/inspect.ts";
import { type Admin, createAdmin } from "./admin/server.ts";
import { createHealthPart } from "./core/report/health-part.ts";
import { createRecorder } from "./core/report/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "./core/report/report-table.ts";
import { createProxy } from "./proxy/proxy.ts";
import type { SidecarProxy } from "./proxy/proxy-options.ts";
import type { SidecarOptions } from "./sidecar.ts";
import { createPolicyEnforcement, type PolicyEnforcement } from "./sources/policy-enforcement.ts";
import { createRouter, type RunningRouter } from "./sources/router.ts";
import { createTaps, type Taps } from "./sources/taps.ts";
import { createTraces, type Traces } from "./sources/trace-source.ts";

export const LOOPBACK = "127.0.0.1";

/** What a sidecar consists of, wired to each other. */
export interface Parts {
  /** Asked by the proxy at each request, so that the program's host may turn out to be another one. */
  readonly app: { host: string; readonly port: number } | undefined;
  readonly instance: string;
  readonly controlPlane: ControlPlane;
  readonly policing: PolicyEnforcement;
  readonly router: RunningRouter;
  readonly identity: CertificateClient;
  readonly reporter: Reporter;
  readonly proxy: SidecarProxy;
  readonly admin: Admin;
  readonly traces: Traces;
  readonly taps: Taps;
  close(): void;
}

export function createParts(options: SidecarOptions): Parts {
  const { name, namespace = "default", log, settings = developmentSettings, inbound } = options;
  const app = options.app === undefined ? undefined : { ...options.app };
  const instance = newInstanceId();
  const controlPlane = connectControlPlane({ ...options, self: { namespace, name, instance } });
  const policing = createPolicyEnforcement({ ...options, namespace, controlPlane });
  const router = createRouter({
    destination: controlPlane.locate("destination"),
    namespace,
    service: name,
    policy: policing.client,
    log,
  });
  const traces = createTraces({ ...options, self: { name, namespace, instance } });
  const identity = createCertificateClient({ identity: controlPlane.locate("identity"), name, log });
  const table = createReportTable({
    ...REPORT_LIMITS,
    buckets: LATENCY_BUCKETS,
    bucketOf: latencyBucket,
    parts: [policing.counts, createHealthPart(router), traces.exemplars],
  });
  const reporter = createReporter({
    take: (window) => table.take({ ...window, bootId: instance, reporter: `${namespace}/${name}` }),
    bootId: instance,
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
  const target = { namespace, service: name };
  const { client, limiter, guard } = policing;
  const inspect = createInspect({ rules: policing.rules, limiter, states: router.states, target, instance });
  const admin = createAdmin({ key: options.key, taps, routes: { inspect }, log });
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
    guard,
    witnesses: [traces.witness, taps],
    log,
  });
  const close = (): void => {
    proxy.stop();
    admin.stop();
    reporter.stop();
    traces.stop();
    router.stop();
    client.stop();
    identity.stop();
    controlPlane.close();
  };
  return { app, instance, controlPlane, policing, router, identity, reporter, proxy, traces, taps, admin, close };
}
