import { pickBackend } from "@patchbay/rules";
import type { RequestHead } from "../http/request-head.ts";
import type { AppliedRoute, Pick, RetryBudget, Route, TargetEvent } from "../types.ts";
import type { RouteAction } from "./route-action.ts";

/** What a route by rule takes from the target that was asked for, independent of its backend. */
export interface RoutedTarget {
  /** As telemetry names it. */
  readonly name: string;
  readonly retries: RetryBudget;
  count(event: TargetEvent, backend: string): void;
}

/** The backend that a rule sends this request to: an authority, "" for the target itself; undefined: all weights are 0. */
export function backendFor({ rule }: RouteAction, random: number): string | undefined {
  return rule.backends.length === 0 ? "" : pickBackend(rule, random)?.authority;
}

/** The request as the rule wants it sent. */
export function routedHead(head: RequestHead, { requestHeaders }: RouteAction, path: string): RequestHead {
  if (requestHeaders === undefined && path === head.path) return head;
  return { ...head, path, headers: requestHeaders === undefined ? head.headers : requestHeaders(head.headers) };
}

export interface RoutedHead {
  /** Where the backend's name leads now. */
  readonly to: Route;
  /** The backend's name; empty: the target itself. */
  readonly backend: string;
  readonly steering: AppliedRoute | undefined;
}

/** The route of the target asked for, by way of its backend. A backend without endpoints keeps its share, and its requests fail. */
export function appliedRoute(target: RoutedTarget, { to, backend, steering }: RoutedHead): Route {
  const { name, retries, count } = target;
  if (to.kind === "mesh") {
    return {
      kind: "mesh",
      target: name,
      pick: to.pick,
      retries,
      backend,
      count,
      get reason() {
        return to.reason;
      },
      ...(steering === undefined ? {} : { steering }),
    };
  }
  if (backend === "") return to;
  const why = to.kind === "refused" ? to.reason : `nobody in the mesh serves ${backend}`;
  return {
    kind: "refused",
    target: name,
    status: 503,
    code: "no-endpoint",
    backend,
    reason: `${name} leads to ${backend}: ${why}`,
  };
}

/** There are rules, and none is for the request. As Gateway API has it. */
export function unmatchedRoute(target: string): Route {
  return {
    kind: "refused",
    target,
    status: 404,
    code: "no-route",
    reason: `no rule of a route of ${target} is for this request. See which there are: mesh explain --request`,
  };
}

/** All its backends have weight 0, or are no authorities. As Gateway API has it. */
export function noBackendRoute(target: string, rule: RouteAction): Route {
  return {
    kind: "refused",
    target,
    status: 500,
    code: "no-backend",
    // UNAVAILABLE
    grpcStatus: 14,
    reason: `${rule.name} sends nothing anywhere: the weights of all its backends are 0`,
  };
}

/** Service that a split or rewrite has chosen for the target; empty: the target itself. */
export function backendOf(pick: Pick | undefined, route: Route): string {
  const chosen = pick?.backend ?? "";
  if (chosen !== "" || route.kind === "egress") return chosen;
  return route.backend ?? "";
}
