import { create } from "@bufbuild/protobuf";
import { parseServiceHost, serviceKey } from "@patchbay/model";
import {
  type Outbound,
  OutboundSchema,
  type RouteMatch,
  RouteMatchSchema,
  type RouteRule,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { CompiledPolicy } from "./policy-kind.ts";
import { compareMatches, compareResources } from "./precedence.ts";

export interface Target {
  /** In full, as the proxy asked for it. */
  readonly host: string;
  /** "namespace/name"; undefined: no service of the mesh. */
  readonly service: string | undefined;
}

/** Of a host in full. */
export function targetOf(host: string): Target {
  const service = parseServiceHost(host);
  return { host, service: service && serviceKey(service) };
}

/**
 * The rules that clients of one namespace apply to requests for one target, from all resources about it. Routes in the
 * client's namespace replace those in the target's; routes in any other namespace do not apply.
 */
export function mergeOutbound(
  { host, service = "" }: Target,
  clients: string,
  about: readonly CompiledPolicy[],
): Outbound {
  const ordered = [...about].sort((a, b) => compareResources(a.resource, b.resource));
  const [owner = ""] = service.split("/");
  const consumer = ordered.filter((each) => each.part.route !== undefined && each.ref.namespace === clients);
  const producer = ordered.filter((each) => each.part.route !== undefined && each.ref.namespace === owner);
  const outbound = create(OutboundSchema, {
    target: host,
    ...mergeRoutes(consumer.length > 0 ? consumer : producer, service),
  });
  const budget = ordered.find(({ part }) => part.retryBudget !== undefined);
  if (budget?.part.retryBudget) {
    outbound.retryBudget = budget.part.retryBudget;
    outbound.retryBudgetRef = budget.ref;
  }
  return outbound;
}

/** Rules of several routes in the order of the routes, and all their matches in the order in which they are asked. */
function mergeRoutes(
  routes: readonly CompiledPolicy[],
  service: string,
): { rules: RouteRule[]; matches: RouteMatch[] } {
  const rules: RouteRule[] = [];
  const matches: RouteMatch[] = [];
  for (const route of routes.flatMap(({ part }) => part.route ?? [])) {
    const ports = route.parents.filter((parent) => parent.service === service).map(({ port }) => port);
    for (const each of route.rules) {
      const rule = rules.push(each.rule) - 1;
      for (const port of portsToMatch(ports))
        matches.push(...each.matches.map((match) => create(RouteMatchSchema, { ...match, rule, port })));
    }
  }
  // Stable, so that equal ones keep the order of routes and rules.
  return { rules, matches: matches.sort(compareMatches) };
}

/** Every port includes each single one. */
function portsToMatch(ports: readonly number[]): readonly number[] {
  return ports.includes(0) ? [0] : [...ports].sort((a, b) => a - b);
}
