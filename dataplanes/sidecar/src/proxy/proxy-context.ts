import { randomBytes } from "node:crypto";
import { workloadName } from "@patchbay/model";
import { createDeadlines, type Deadlines } from "../core/routing/deadlines.ts";
import type { Direction, Router } from "../core/types.ts";
import { type Counters, createCounters } from "./counters.ts";
import { createInboundRouter } from "./listeners/inbound-route.ts";
import { DEFAULT_LIMITS, type Limits } from "./listeners/limits.ts";
import type { Origin, Side } from "./listeners/side.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import { createAddressCheck } from "./upstream/address-rules.ts";
import { createEgress, type Egress } from "./upstream/egress.ts";
import { readEgressProxies } from "./upstream/egress-proxies.ts";
import { createUpstreamConnector, type UpstreamConnector } from "./upstream/upstream-connector.ts";
import { createUpstreams, type Upstreams } from "./upstream/upstreams.ts";

/** What both directions share: connections to everywhere, clocks and counts. */
export interface ProxyContext {
  readonly limits: Limits;
  readonly counters: Counters;
  readonly deadlines: Deadlines;
  readonly connector: UpstreamConnector;
  readonly outside: Egress;
  readonly upstreams: Upstreams;
  /** Ports on which the program's calls arrive; filled as they open. */
  readonly ownPorts: Set<number>;
}

export function createProxyContext({ identity, environment = {}, self, log, ...options }: ProxyOptions): ProxyContext {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const ownPorts = new Set<number>();
  const checkAddress = createAddressCheck(() => ownPorts);
  const choose = readEgressProxies(environment, (message) => log.warn({}, message));
  const outside = createEgress({ choose, checkAddress, connectMs: limits.connectOutsideMs });
  const connector = createUpstreamConnector({ identity, connectMs: limits.connectMs, checkAddress });
  const upstreams = createUpstreams({ connector, outside, limits, namespace: self.namespace });
  return {
    limits,
    counters: createCounters(),
    deadlines: createDeadlines(),
    connector,
    outside,
    upstreams,
    ownPorts,
  };
}

/** Directions that are being left. */
export type DrainingDirections = Set<Direction>;

export interface Origins {
  /** Of what the program sends. */
  readonly outbound: Origin;
  /** Of what comes in without proof; undefined: nothing comes in. */
  readonly inbound: Origin | undefined;
}

export function createOrigins(options: ProxyOptions, plumbing: ProxyContext, leaving: DrainingDirections): Origins {
  const { self, router, inbound } = options;
  const name = self.service === "" ? "unknown" : workloadName({ namespace: self.namespace, name: self.service });
  const side = (direction: Direction, route: Router, marker: string): Side => ({
    direction,
    router: route,
    upstreams: plumbing.upstreams,
    recorder: options.recorder,
    limits: plumbing.limits,
    counters: plumbing.counters,
    deadlines: plumbing.deadlines,
    log: options.log,
    guard: direction === "inbound" ? options.guard : undefined,
    witnesses: options.witnesses ?? [],
    marker,
    draining: () => leaving.has(direction),
  });
  const origin = (of: Side, source: string): Origin => ({
    side: of,
    peer: { name: source, identity: "", address: "" },
    tls: false,
    authority: "",
  });
  return {
    outbound: origin(side("outbound", router, randomBytes(4).toString("hex")), name),
    inbound:
      inbound === undefined
        ? undefined
        : origin(side("inbound", createInboundRouter(inbound.app, name), ""), "unknown"),
  };
}
