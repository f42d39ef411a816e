import { durationMs } from "@bufbuild/protobuf/wkt";
import { CHAIN_ORDER, type Cidr, HOOK_KINDS, PRIVATE_NETWORKS, parseCidr } from "@patchbay/model";
import { FailurePolicy, type Hook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { type Registration, State } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** What a plugin is granted as a resolver. */
export interface ResolverGrant {
  readonly order: number;
  readonly suffixes: readonly string[];
  readonly failOpen: boolean;
  readonly deadlineMs: number;
  readonly usesContext: boolean;
  readonly networks: readonly Cidr[];
}

/** Undefined: the plugin is no resolver. */
export function resolverGrant(registration: Registration, defaultDeadlineMs: number): ResolverGrant | undefined {
  const { grant } = registration;
  const hook = grant?.hooks.find(({ kind }) => kind === "resolve");
  if (!grant || !hook) return undefined;
  return {
    order: hook.order || CHAIN_ORDER.plugin,
    suffixes: hook.authoritySuffixes,
    // A resolver that is away knows nothing; only one that says so stops the chain with it.
    failOpen: hook.failurePolicy !== FailurePolicy.CLOSED,
    deadlineMs: deadlineOf(hook, defaultDeadlineMs),
    usesContext: hook.usesContext,
    networks: networksOf(grant.allowedNetworks),
  };
}

function deadlineOf({ deadline }: Hook, defaultMs: number): number {
  const ms = deadline ? durationMs(deadline) : 0;
  return ms > 0 ? Math.min(ms, HOOK_KINDS.resolve.maxDeadlineMs) : defaultMs;
}

/** A block that cannot be read allows nothing. */
function networksOf(texts: readonly string[]): readonly Cidr[] {
  const blocks = texts.length === 0 ? PRIVATE_NETWORKS : texts;
  return blocks.map((text) => parseCidr(text)).filter((block) => block !== undefined);
}

/** What an instance is good for. */
export type Use =
  /** New streams go to "ready" ones, to "doubtful" ones when there is no ready one. */
  | "ready"
  | "doubtful"
  /** Not yet; what it serves already stays. */
  | "starting"
  /** Serves until others have taken over. */
  | "draining"
  /** Not there, and not because it wanted to go. */
  | "broken"
  /** Went as announced. */
  | "left";

export function useOf({ state, reason, history, announce }: Registration): Use {
  if (!announce?.address) return "left";
  switch (state) {
    case State.READY:
      return "ready";
    case State.DEGRADED:
      return "doubtful";
    case State.STARTING:
      return "starting";
    case State.DRAINING:
      return "draining";
    case State.QUARANTINED:
      return "broken";
    case State.GONE: {
      const drained = reason.startsWith("drained") || history.at(-2)?.state === State.DRAINING;
      const wasReady = history.some((transition) => transition.state === State.READY);
      return drained || !wasReady ? "left" : "broken";
    }
    default:
      return "left";
  }
}
