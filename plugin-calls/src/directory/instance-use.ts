import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** What an instance is good for. */
export type InstanceUse =
  /** New calls go to "ready" ones, to "doubtful" ones when there is no ready one. */
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

export function useOf({ state, reason, history, announce }: Registration): InstanceUse {
  if (announce === undefined || announce.address === "") return "left";
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

/** Of instances those that new calls may go to: the ready ones, and only when there is none the doubtful ones. */
export function usable<Instance extends { readonly use: InstanceUse }>(
  instances: readonly Instance[],
): readonly Instance[] {
  const ready = instances.filter(({ use }) => use === "ready");
  return ready.length > 0 ? ready : instances.filter(({ use }) => use === "doubtful");
}
