import type { PolicyRef } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { Mirror, RouteRule } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileHeaderChange, type HeaderEdit } from "@patchbay/rules";
import { compileRetry, type RetryPlan } from "./retry-plan.ts";
import { milliseconds } from "./route-duration.ts";

/** A rule of a route, made ready. */
export interface RouteAction {
  /** "HTTPRoute default/users, rule 1" */
  readonly name: string;
  readonly rule: RouteRule;
  readonly requestHeaders: HeaderEdit | undefined;
  readonly responseHeaders: HeaderEdit | undefined;
  /** From the request's head to the response's end; 0: as long as it takes. */
  readonly requestTimeoutMs: number;
  /** From a try's begin to its response's head; 0: as long as it takes. */
  readonly tryTimeoutMs: number;
  readonly retry: RetryPlan | undefined;
  readonly mirrors: readonly MirrorAction[];
}

export interface MirrorAction {
  readonly authority: string;
  /** Of requests, 0 to 1. */
  readonly share: number;
}

export function compileRouteAction(rule: RouteRule): RouteAction {
  return {
    name: nameOf(rule.ref, rule.index),
    rule,
    requestHeaders: compileHeaderChange(rule.requestHeaders),
    responseHeaders: compileHeaderChange(rule.responseHeaders),
    requestTimeoutMs: milliseconds(rule.requestTimeout),
    tryTimeoutMs: milliseconds(rule.backendRequestTimeout),
    retry: compileRetry(rule.retry),
    mirrors: rule.mirrors.map(mirrorOf),
  };
}

function mirrorOf({ authority, numerator, denominator }: Mirror): MirrorAction {
  return { authority, share: denominator === 0 ? 1 : numerator / denominator };
}

export function nameOf(ref: PolicyRef | undefined, index: number): string {
  return ref === undefined ? `rule ${index + 1}` : `${ref.kind} ${ref.namespace}/${ref.name}, rule ${index + 1}`;
}
