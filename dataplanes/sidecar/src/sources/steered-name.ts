import type { Outbound } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { EndpointState } from "../core/balancing/balancer.ts";
import type { RequestHead } from "../core/http/request-head.ts";
import type { HealthSource } from "../core/report/health-part.ts";
import { appliedRoute, backendFor, noBackendRoute, routedHead, unmatchedRoute } from "../core/routing/applied-route.ts";
import type { RouteAction } from "../core/routing/route-action.ts";
import type { TargetRules } from "../core/routing/target-rules.ts";
import type { AppliedRoute, Route } from "../core/types.ts";
import { createNameHealth } from "./name-health.ts";
import { createNameRules, type NameRulesOptions } from "./name-rules.ts";
import type { WatchedName } from "./watched-name.ts";

export interface SteeredNameOptions extends Omit<NameRulesOptions, "watch"> {
  readonly random: () => number;
  /** Another name, from now on watched too; undefined: it is no authority. */
  lookup(authority: string): WatchedName | undefined;
}

/** A name that programs ask for: where it leads, and the rules that have a say in it. */
export interface SteeredName extends HealthSource {
  readonly plain: WatchedName;
  /** A program has asked for it. Others are watched as somebody's backend. */
  readonly asked: boolean;
  /** There are rules for it. */
  readonly ruled: boolean;
  /** `head` undefined: bytes that nobody looks into. */
  route(head: RequestHead | undefined): Route | Promise<Route>;
  /** Rules that have come into force. */
  enforce(outbound: Outbound): void;
  /** Sees to it that no name that it leads to is forgotten. */
  keepWarm(): void;
  states(): readonly EndpointState[];
}

export function steerName(options: SteeredNameOptions): SteeredName {
  const { plain, random, lookup } = options;
  const { authority, target } = plain;
  const self = { name: authority.shortHost, retries: target.retries, count: target.ledger.count };
  const health = createNameHealth(plain);
  const rules = createNameRules({ ...options, watch: lookup });

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

  function send(to: WatchedName, steering: AppliedRoute | undefined): Route | Promise<Route> {
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
