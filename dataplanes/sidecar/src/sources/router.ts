import type { Transport } from "@connectrpc/connect";
import type { PolicyClient } from "@patchbay/dataplane-client";
import { type Authority, type Clock, serviceHost, whyNoAuthority } from "@patchbay/model";
import type { Outbound } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Log, systemClock } from "@patchbay/wire";
import type { BalancerSettings, EndpointState } from "../core/balancing/balancer.ts";
import { BALANCER_DEFAULTS } from "../core/balancing/balancer-defaults.ts";
import type { HealthSource } from "../core/report/health-part.ts";
import type { Route, Router } from "../core/types.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { askedHosts, createClusterTable } from "./cluster-table.ts";
import { createRoutedCluster, type RoutedCluster } from "./routed-cluster.ts";

export interface RouterOptions {
  /** To a living replica of destination, picked at each call. */
  readonly destination: Transport;
  /** In which single labels are taken. */
  readonly namespace: string;
  /** The workload that asks; default: none, a program that only calls. */
  readonly service?: string;
  /** Whose rules apply. Default: there are none. */
  readonly policy?: PolicySource;
  readonly log: Log;
  readonly limits?: Partial<RouterLimits>;
  readonly balancer?: Partial<BalancerSettings>;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

export type PolicySource = Pick<PolicyClient, "follow" | "outbound" | "onChange">;

export interface RouterLimits {
  /** From the first request for a name to its route, answered or not. Destination's first message leaves within 3 s. */
  readonly firstAnswerMs: number;
  /** From destination's first answer, in which the rules of the name may still come; afterwards requests go on without them. */
  readonly rulesMs: number;
  /** A name without a request in this time is dropped, unless its stream is down. */
  readonly idleMs: number;
  /** Names held at a time; beyond, the one that was used least recently goes. Below destination's own limit of 1,000. */
  readonly maxNames: number;
}

const ROUTER_LIMITS: RouterLimits = { firstAnswerMs: 3_000, rulesMs: 250, idleMs: 60_000, maxNames: 900 };

/** As a source of health it tells how the names stand that programs ask for. */
export interface RunningRouter extends Router, HealthSource {
  /** Destination may have moved or come back: ends the waits of all names that have no stream. */
  retryNow(): void;
  names(): number;
  /** What balancers think of the endpoints of an authority, those of its backends included; none when it is not held. */
  states(authority: string): readonly EndpointState[];
  stop(): void;
}

/**
 * Knows where requests go: one Resolve stream per name in use. While destination is away every name keeps its last answer,
 * however long that takes; only names that were never answered are refused. The rules of names that programs ask for come from
 * the policy service; their backends are names like all others, so that a changed share meets balancers that know their endpoints.
 */
export function createRouter(options: RouterOptions): RunningRouter {
  const limits = { ...ROUTER_LIMITS, ...options.limits };
  const { clock = systemClock } = options;
  const balancer = { ...BALANCER_DEFAULTS, random: Math.random, now: clock.monotonic, ...options.balancer };
  const { policy, namespace, log, destination } = options;
  const { firstAnswerMs, rulesMs, idleMs, maxNames } = limits;
  const source = { identity: "", namespace, service: options.service ?? "", address: "" };
  const follow = (): void => policy?.follow(askedHosts(names.all()));
  const names = createClusterTable({ namespace, idleMs, maxNames, clock, watch, onForgotten: follow });
  const stopListening = policy?.onChange(({ outbound }) => enforce(outbound));

  function watch(authority: Authority): RoutedCluster {
    const plain = createCluster({ authority, destination, namespace, balancer, firstAnswerMs, log, clock });
    const lookup = (text: string): Cluster | undefined => names.find(text)?.plain;
    const { random } = balancer;
    return createRoutedCluster({ plain, source, random, rulesMs, clock, learn: () => learn(authority), lookup, log });
  }

  function learn(authority: Authority): ReturnType<PolicySource["outbound"]> {
    // Only services have rules.
    if (policy === undefined || authority.service === undefined) return undefined;
    follow();
    return policy.outbound(serviceHost(authority.service));
  }

  function enforce(outbound: readonly Outbound[]): void {
    const byHost = new Map(outbound.map((each) => [each.target, each]));
    for (const name of names.all()) {
      const service = name.asked ? name.plain.authority.service : undefined;
      const rules = service === undefined ? undefined : byHost.get(serviceHost(service));
      if (rules !== undefined) name.enforce(rules);
    }
  }

  return {
    async route(text, head) {
      const name = names.find(text);
      if (name === undefined) return malformed(text, namespace);
      name.plain.lastUsed = clock.monotonic();
      return name.route(head);
    },
    ruled: (text) => names.peek(text)?.ruled === true,
    retryNow() {
      for (const { plain } of names.all()) plain.retryNow();
    },
    names: () => names.all().length,
    states: (text) => names.peek(text)?.states() ?? [],
    pending: () => names.all().some((name) => name.pending()),
    take: () => names.all().flatMap((name) => name.take()),
    stop() {
      stopListening?.();
      names.stop();
    },
  };
}

function malformed(text: string, namespace: string): Route {
  const why = whyNoAuthority(text, namespace) ?? "no authority";
  return {
    kind: "refused",
    target: "",
    status: 400,
    reason: `${why}. One looks like users, users:8080 or 10.1.2.3:80`,
  };
}
