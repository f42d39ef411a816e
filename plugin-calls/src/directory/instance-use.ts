import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";

/** Which calls may go to an instance. */
export type InstanceUse =
  /** New calls go to "ready" ones, to "doubtful" ones when there is no ready one. */
  | "ready"
  | "doubtful"
  /** Takes no new calls yet; open ones stay. */
  | "starting"
  /** Serves until others have taken over. */
  | "draining"
  /** Quarantined, or gone without draining. */
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

/** The instances for new calls: the ready ones, or the doubtful ones when none is ready. */
export function usable<Instance extends { readonly use: InstanceUse }>(
  instances: readonly Instance[],
): readonly Instance[] {
  const ready = instances.filter(({ use }) => use === "ready");
  return ready.length > 0 ? ready : instances.filter(({ use }) => use === "doubtful");
}
