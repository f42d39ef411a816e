import type { Outbound } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { EndpointState } from "../core/balancing/balancer.ts";
import { createTargetHealth, type HealthPath } from "../core/balancing/target-health.ts";
import type { RequestHead } from "../core/http/request-head.ts";
import type { HealthSource } from "../core/report/health-part.ts";
import { appliedRoute, backendFor, noBackendRoute, routedHead, unmatchedRoute } from "../core/routing/applied-route.ts";
import type { RouteAction } from "../core/routing/route-action.ts";
import type { TargetRules } from "../core/routing/target-rules.ts";
import type { AppliedRoute, Route } from "../core/types.ts";
import type { Cluster } from "./cluster.ts";
import { type ClusterRoutesOptions, createClusterRoutes } from "./cluster-routes.ts";

export interface RoutedClusterOptions extends Omit<ClusterRoutesOptions, "watch"> {
  readonly random: () => number;
  /** Another cluster, from now on watched too; undefined: it is no authority. */
  lookup(authority: string): Cluster | undefined;
}

/** A cluster with the routes that apply to requests for it. */
export interface RoutedCluster extends HealthSource {
  readonly plain: Cluster;
  /** A program has asked for it. Others are watched as the backend of a rule. */
  readonly asked: boolean;
  /** There are rules for it. */
  readonly ruled: boolean;
  /** `head` undefined: an opaque connection. */
  route(head: RequestHead | undefined): Route | Promise<Route>;
  /** Rules that have come into force. */
  enforce(outbound: Outbound): void;
  /** Sees to it that no name that it leads to is forgotten. */
  keepWarm(): void;
  states(): readonly EndpointState[];
}

export function createRoutedCluster(options: RoutedClusterOptions): RoutedCluster {
  const { plain, random, lookup } = options;
  const { authority, target } = plain;
  const self = { name: authority.shortHost, retries: target.retries, count: target.ledger.count };
  const health = createClusterHealth(plain);
  const rules = createClusterRoutes({ ...options, watch: lookup });

  function route(head: RequestHead | undefined): Route | Promise<Route> {
    const { current } = rules;
    return current === undefined ? plainly() : steer(current, head);
  }

  function plainly(): Route | Promise<Route> {
    health.used = true;
    return plain.route();
  }

  function steer(by: TargetRules, head: RequestHead | undefined): Route | Promise<Route> {
    const ruling = by.rule(authority, head);
    if (ruling === undefined) return plainly();
    if (ruling === "unmatched") return unmatchedRoute(self.name);
    const { rule, path } = ruling;
    const backend = backendFor(rule, random());
    const to = backend === "" ? plain : backend === undefined ? undefined : lookup(backend);
    if (to === undefined) return noBackendRoute(self.name, rule);
    const steering =
      head === undefined ? undefined : { rule, head: routedHead(head, rule, path), mirrors: mirrorsOf(rule) };
    return send(to, steering);
  }

  function send(to: Cluster, steering: AppliedRoute | undefined): Route | Promise<Route> {
    const backend = to === plain ? "" : to.authority.shortHost;
    if (to === plain) health.used = true;
    else health.usedBackend(to);
    to.lastUsed = Math.max(to.lastUsed, plain.lastUsed);
    const at = to.route();
    const combine = (found: Route): Route => appliedRoute(self, { to: found, backend, steering });
    return at instanceof Promise ? at.then(combine) : combine(at);
  }

  function mirrorsOf(rule: RouteAction): AppliedRoute["mirrors"] {
    const drawn = rule.mirrors.filter(({ share }) => random() < share);
    return drawn.flatMap((mirror) => lookup(mirror.authority)?.route() ?? []);
  }

  return {
    plain,
    get asked() {
      return rules.asked;
    },
    get ruled() {
      return rules.current !== undefined;
    },
    route: (head) => rules.ready()?.then(() => route(head)) ?? route(head),
    enforce: rules.enforce,
    keepWarm() {
      for (const each of rules.current?.authorities ?? []) {
        const name = lookup(each);
        if (name !== undefined) name.lastUsed = Math.max(name.lastUsed, plain.lastUsed);
      }
    },
    pending: () => rules.asked && health.pending(),
    take: () => (rules.asked ? health.take() : []),
    states: health.states,
  };
}

/** Health of a cluster and of the backends that its routes lead to. */
interface ClusterHealth extends HealthSource {
  /** A request goes to the name itself. Set at each, so it costs nothing. */
  used: boolean;
  /** A request goes there by a rule. */
  usedBackend(to: Cluster): void;
  states(): readonly EndpointState[];
}

/** Backends that are remembered; beyond, they are learned anew from use. */
const MAX_BACKENDS = 50;

function createClusterHealth({ authority, target }: Cluster): ClusterHealth {
  const health = createTargetHealth({ target: authority.shortHost, retries: target.retries, ledger: target.ledger });
  const backends = new Map<string, Cluster>();

  function paths(): readonly HealthPath[] {
    const own = target.paths();
    if (name.used) for (const { backend } of own) health.used(backend);
    return [...own, ...[...backends].map(pathBy)];
  }

  const name: ClusterHealth = {
    used: false,
    usedBackend(to) {
      const backend = to.authority.shortHost;
      if (backends.size >= MAX_BACKENDS && !backends.has(backend)) backends.clear();
      backends.set(backend, to);
      health.used(backend);
    },
    pending: () => health.pending(paths()),
    take() {
      const rows = health.take(paths());
      name.used = false;
      return rows;
    },
    states: () => [...target.paths(), ...[...backends].map(pathBy)].flatMap(statesOf),
  };
  return name;
}

function pathBy([backend, { target }]: readonly [string, Cluster]): HealthPath {
  return { backend, balancers: target.paths().flatMap(({ balancers }) => balancers) };
}

function statesOf({ backend, balancers }: HealthPath): readonly EndpointState[] {
  return balancers.flatMap((balancer) => balancer.states().map((state) => ({ ...state, backend })));
}
