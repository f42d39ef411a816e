import { Code, type ConnectError, type Transport } from "@connectrpc/connect";
import { openResolveStream } from "@patchbay/dataplane-client";
import type { Authority, Clock } from "@patchbay/model";
import type { Log } from "@patchbay/wire";
import type { BalancerSettings } from "../core/balancing/balancer.ts";
import { createTarget, type Target } from "../core/balancing/target.ts";
import { hasEndpoints, mergeResolution, type Resolution, resolutionOf } from "../core/routing/resolution.ts";
import type { Route } from "../core/types.ts";

export interface ClusterOptions {
  readonly authority: Authority;
  readonly destination: Transport;
  readonly namespace: string;
  readonly balancer: BalancerSettings;
  /** From the question to the first answer. */
  readonly firstAnswerMs: number;
  readonly log: Log;
  readonly clock: Clock;
}

/** One upstream cluster: an authority that was asked for, what destination said of it last, and the route that follows. */
export interface Cluster {
  readonly authority: Authority;
  readonly target: Target;
  lastUsed: number;
  /** The current route; before the first answer, a promise of it, which settles at the deadline at the latest. */
  route(): Route | Promise<Route>;
  /** Settles with the first answer, or when the time for it is over. */
  answered(): Promise<void>;
  /** May be forgotten: asking again would give the same. A name whose stream is down is all that is left of it. */
  expendable(): boolean;
  retryNow(): void;
  stop(): void;
}

export function createCluster(options: ClusterOptions): Cluster {
  const { authority } = options;
  const target = createTarget(authority, options.balancer);
  const first = Promise.withResolvers<void>();
  let waiting = true;
  let held: Resolution | undefined;
  let refusal: Route | undefined;

  function settle(): void {
    waiting = false;
    cancel();
    first.resolve();
  }
  const cancel = options.clock.after(options.firstAnswerMs, settle);

  function update(resolution: Resolution): void {
    held = mergeResolution(held, resolution);
    refusal = undefined;
    target.update(held);
    // An incomplete answer without endpoints is no answer yet: a resolver that is still asked may know the name.
    if (!held.incomplete || hasEndpoints(held)) settle();
  }

  const stream = openResolveStream({
    destination: options.destination,
    authority: authority.key,
    namespace: options.namespace,
    log: options.log,
    clock: options.clock,
    onResolution: (response) => update(resolutionOf(response)),
    onRefused(error) {
      refusal = refused(authority, error);
      settle();
    },
  });
  const current = (): Route => (held === undefined && refusal !== undefined ? refusal : target.route());

  return {
    authority,
    target,
    lastUsed: 0,
    answered: () => first.promise,
    route: () => (waiting ? first.promise.then(current) : current()),
    expendable: () => !waiting && (held === undefined || stream.connected()),
    retryNow: stream.retryNow,
    stop() {
      stream.stop();
      settle();
    },
  };
}

function refused(authority: Authority, error: ConnectError): Route {
  const status = error.code === Code.InvalidArgument ? 400 : 503;
  return {
    kind: "refused",
    target: authority.shortHost,
    status,
    reason: `destination refused ${authority.shortHost}: ${error.rawMessage}`,
  };
}
