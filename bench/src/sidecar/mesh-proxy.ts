import type { WorkloadCertificate } from "@patchbay/dataplane-client";
import { tryParseAuthority } from "@patchbay/model";
import { noLog } from "@patchbay/wire";
import { createAdmin } from "../../../dataplanes/sidecar/src/admin/server.ts";
import { BALANCER_DEFAULTS } from "../../../dataplanes/sidecar/src/core/balancing/balancer-defaults.ts";
import { createTarget } from "../../../dataplanes/sidecar/src/core/balancing/target.ts";
import { createRecorder } from "../../../dataplanes/sidecar/src/core/report/recorder.ts";
import { createReportTable, REPORT_LIMITS } from "../../../dataplanes/sidecar/src/core/report/report-table.ts";
import { Outcome } from "../../../dataplanes/sidecar/src/core/routing/resolution.ts";
import type { Endpoint, Router } from "../../../dataplanes/sidecar/src/core/types.ts";
import { createProxy } from "../../../dataplanes/sidecar/src/proxy/proxy.ts";
import { createTaps } from "../../../dataplanes/sidecar/src/sources/taps.ts";
import { childOptions, ready } from "../harness.ts";
import { createShareProbe } from "../tap/share.ts";

export interface MeshProxyOptions {
  readonly service: string;
  readonly identity: WorkloadCertificate | undefined;
  /** Where "users" is. */
  readonly endpoints: readonly Endpoint[];
  /** Port of the program behind it; 0: only calls. */
  readonly app: number;
  /** Of tokens, in base64: then it can be tapped. Default: it cannot. */
  readonly key?: string;
}

/** The sidecar as it runs in the mesh, balancer and recorder included; only the answers of destination are given. */
const options = childOptions<MeshProxyOptions>();

function createFixedRouter(endpoints: readonly Endpoint[]): Router {
  const authority = tryParseAuthority("users", "default");
  if (authority === undefined) throw new Error("not an authority");
  const target = createTarget(authority, { ...BALANCER_DEFAULTS, random: Math.random, now: () => performance.now() });
  const weighted = endpoints.map((endpoint) => ({ endpoint, weight: 1 }));
  const branch = { weight: 1, authority: authority.key, outcome: Outcome.ENDPOINTS, resolver: "", reason: "" };
  target.update({ incomplete: false, branches: [{ ...branch, endpoints: weighted }] });
  const known = new Map([["users", target]]);
  return { route: (text) => Promise.resolve((known.get(text) ?? target).route()) };
}

// As many buckets as a report has; their bounds do not matter here.
const bucketOf = (ms: number): number => Math.min(25, Math.max(0, Math.floor(Math.log2(ms) * 2) + 2));
const table = createReportTable({ ...REPORT_LIMITS, buckets: 26, bucketOf });
const { service, key } = options;
const taps =
  key === undefined
    ? undefined
    : createTaps({ self: { service, namespace: "default", instance: "bench", identity: () => "" }, serves: false });
const proxy = createProxy({
  self: { service: options.service, namespace: "default" },
  outbound: { host: "127.0.0.1", port: 0 },
  ...(options.app === 0
    ? {}
    : { inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: options.app } } }),
  router: createFixedRouter(options.endpoints),
  identity: { current: () => options.identity, onChange: () => () => undefined },
  recorder: createRecorder(table),
  ...(taps === undefined ? {} : { witnesses: [taps] }),
  log: noLog,
});
await proxy.start();
const admin =
  taps === undefined || key === undefined
    ? undefined
    : createAdmin({ key: Buffer.from(key, "base64"), taps, log: noLog });
await admin?.start();
const probe = createShareProbe(/\/(?:tap|taps|tap-[a-z]+|sights|observe|outgoing)\.ts$/);
ready(
  { outbound: proxy.outboundPort, inbound: proxy.inboundPort, admin: admin?.address ?? "" },
  // Asked for the share that taps take of this process: "start", then "stop".
  (task) => (task === "start" ? probe.start() : probe.stop()),
);
