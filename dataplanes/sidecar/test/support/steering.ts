import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "@patchbay/model";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { PolicyRefSchema } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  MatchType,
  type Outbound,
  OutboundSchema,
  RouteMatchSchema,
  RouteRuleSchema,
  type Snapshot,
  SnapshotSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { noLog, systemClock } from "@patchbay/wire";
import { proxyTransport } from "../../../client/test/support/core-server.ts";
import { type FakeDestination, startDestination } from "../../../client/test/support/destination.ts";
import { createProxy } from "../../src/proxy/proxy.ts";
import type { ProxyOptions, SidecarProxy } from "../../src/proxy/proxy-options.ts";
import { createRouter, type PolicySource, type RouterLimits, type RunningRouter } from "../../src/sources/router.ts";
import { identityOf } from "./certificates.ts";
import { createTestRecorder, type TestRecorder } from "./proxies.ts";
import { bodyOf } from "./wire.ts";

export const hostOf = (service: string): string => `${service}.default.svc.cluster.local`;
export const authorityOf = (service: string): string => `${hostOf(service)}:80`;

export type RuleInit = MessageInitShape<typeof RouteRuleSchema>;
export type MatchInit = MessageInitShape<typeof RouteMatchSchema>;

/** Rules for one target; without matches, the first is for everything. */
export function rulesFor(service: string, rules: readonly RuleInit[], matches?: readonly MatchInit[]): Outbound {
  const ref = { kind: "HTTPRoute", namespace: "default", name: service };
  const everything: readonly MatchInit[] = rules.length === 0 ? [] : [{ rule: 0 }];
  return create(OutboundSchema, {
    target: hostOf(service),
    rules: rules.map((rule, index) =>
      Object.assign(create(RouteRuleSchema, rule), { ref: create(PolicyRefSchema, ref), index }),
    ),
    matches: (matches ?? everything).map((match) => create(RouteMatchSchema, match)),
  });
}

export const prefix = (value: string): MatchInit["path"] => ({ type: MatchType.PATH_PREFIX, value });

export const ms = (count: number) => ({ seconds: BigInt(Math.floor(count / 1000)), nanos: (count % 1000) * 1e6 });

export const share = (service: string, weight: number) => ({ authority: authorityOf(service), weight });

export interface FakePolicy extends PolicySource {
  followed: ReadonlySet<string>;
  /** Puts rules into force. */
  say(...outbound: readonly Outbound[]): void;
  /** What a host that nobody has spoken of is answered. */
  unknown: Promise<undefined> | undefined;
}

/** Says what a test tells it to say. */
export function createFakePolicy(): FakePolicy {
  const held = new Map<string, Outbound>();
  const listeners = new Set<(snapshot: Snapshot) => void>();
  const policy: FakePolicy = {
    followed: new Set(),
    unknown: undefined,
    follow(hosts) {
      policy.followed = hosts;
    },
    outbound: (host) => held.get(host) ?? policy.unknown,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    say(...outbound) {
      for (const each of outbound) held.set(each.target, each);
      for (const listener of listeners) listener(create(SnapshotSchema, { outbound: [...held.values()] }));
    },
  };
  return policy;
}

export interface SteeredWorld extends AsyncDisposable {
  readonly proxy: SidecarProxy;
  readonly router: RunningRouter;
  readonly recorder: TestRecorder;
  readonly policy: FakePolicy;
  readonly destination: FakeDestination;
  /** Ports of loopback that serve a service. */
  serve(service: string, ports: readonly number[]): void;
}

/** A proxy with the real router, between services that a test names by their ports. */
export async function startSteered(
  services: Readonly<Record<string, readonly number[]>>,
  options: Partial<ProxyOptions> & { readonly routerLimits?: Partial<RouterLimits>; readonly clock?: Clock } = {},
): Promise<SteeredWorld> {
  const destination = await startDestination();
  const transport = proxyTransport(destination.address);
  const policy = createFakePolicy();
  const { routerLimits = {}, clock = systemClock, ...proxyOptions } = options;
  const router = createRouter({
    destination: transport,
    namespace: "default",
    service: "web",
    policy,
    log: noLog,
    limits: routerLimits,
    clock,
  });
  const recorder = createTestRecorder();
  const proxy = createProxy({
    self: { service: "web", namespace: "default" },
    outbound: { host: "127.0.0.1", port: 0 },
    identity: identityOf(),
    log: noLog,
    ...proxyOptions,
    router,
    recorder,
  });
  const serve: SteeredWorld["serve"] = (service, ports) => {
    const authority = authorityOf(service);
    const endpoints = ports.map((port) => ({ address: "127.0.0.1", port }));
    const outcome = ports.length > 0 ? Outcome.ENDPOINTS : Outcome.EMPTY;
    destination.say(authority, {
      authority,
      branches: [{ weight: 1, authority, outcome, endpoints, resolver: "workloads" }],
    });
  };
  for (const [service, ports] of Object.entries(services)) serve(service, ports);
  await proxy.start();
  return {
    proxy,
    router,
    recorder,
    policy,
    destination,
    serve,
    async [Symbol.asyncDispose]() {
      proxy.stop();
      router.stop();
      transport.close();
      await destination.die();
    },
  };
}

export interface Called {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface CallOptions {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sent without a length. */
  readonly chunked?: boolean;
}

/** Calls `users` by way of a proxy. Rejects when the response breaks off. */
export function callUsers(port: number, options: CallOptions = {}): Promise<Called> {
  const { path = "/", method = "GET", headers = {}, body = "", chunked = false } = options;
  return new Promise((resolve, reject) => {
    const framing: Record<string, string> = chunked ? { "transfer-encoding": "chunked" } : {};
    const call = httpRequest({
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { host: "users", ...framing, ...headers },
    });
    call.once("error", reject).once("response", (response) => {
      void bodyOf(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        reject,
      );
    });
    call.end(body);
  });
}
