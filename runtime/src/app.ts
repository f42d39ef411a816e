import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { ConnectRouter, Transport } from "@connectrpc/connect";
import type { Clock } from "@patchbay/model";
import type { DefaultAuthorization } from "@patchbay/process";
import type { EventBus, Log } from "@patchbay/wire";
import type { Registry } from "prom-client";
import type { ResourceSource } from "./resources/resource-source.ts";
import type { RawStreamHandler } from "./server/raw-stream.ts";
import type { Settings } from "./settings.ts";
import type { RegistryView } from "./view.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Why not ready; empty when ready. */
  readonly reason: string;
}

/** Prometheus text format 0.0.4, or OpenMetrics 1.0.0. */
export type MetricsFormat = "prometheus" | "openmetrics";

export type PageRequest = IncomingMessage | Http2ServerRequest;

/** What a page may do with the response of either HTTP version. */
export interface PageResponse {
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  end(body: string): unknown;
}

export type PageHandler = (request: PageRequest, response: PageResponse) => void;

/** What a service's `src/app.ts` builds and a server serves: alone, or with others on one port. */
export interface App {
  readonly name: string;
  routes(router: ConnectRouter): void;
  /** Methods answered on the HTTP/2 stream itself, by path such as "/mesh.destination.v1.Destination/Resolve". */
  readonly streams?: ReadonlyMap<string, RawStreamHandler>;
  /** Plain pages by path. */
  readonly pages?: ReadonlyMap<string, PageHandler>;
  start(): Promise<void>;
  /** Graceful, within the settings' drain time. Safe without start, and twice. */
  stop(): Promise<void>;
  readiness(): Readiness;
  /** More text in this format, added to /metrics; without the `# EOF` of OpenMetrics. */
  metrics?(format: MetricsFormat): string | Promise<string>;
}

/** Who a core service is. */
export interface Self {
  readonly kind: "core";
  readonly namespace: string;
  readonly name: string;
  readonly instance: string;
}

/** Everything that a service may need from the process it runs in. */
export interface AppContext {
  readonly self: Self;
  readonly settings: Settings;
  readonly log: Log;
  /** The service's own metrics. */
  readonly metrics: Registry;
  /** The development key, from which tokens are made and proven. */
  readonly key: Uint8Array;
  readonly stateDir: string;
  /** What people have written down; one for all services of the process. */
  readonly resources: ResourceSource;
  /** What happens to requests that no policy is about. */
  readonly defaultAuthorization: DefaultAuthorization;
  /** Ports of the control plane itself, which no plugin may send traffic to. Live: call it each time. */
  controlPlanePorts(): ReadonlySet<number>;
  /** A fresh token that proves `self`. */
  token(): string;
  readonly registry: Transport;
  readonly view: RegistryView;
  /** A transport to a core service; fails with UNAVAILABLE while none is known. */
  locate(service: string): Transport;
  /** Addresses ("http://host:port") of the living replicas of a core service, sorted. */
  addresses(service: string): readonly string[];
  /** A transport to one replica by its address. */
  at(address: string): Transport;
  /** The core's own NATS account; the same connection each time. */
  events(): Promise<EventBus>;
  /** Time and timers. */
  readonly clock: Clock;
}

export type CreateApp = (context: AppContext) => App;
