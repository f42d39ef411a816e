import { State } from "@patchbay/proto/mesh/common/v1/state_pb";

const NAMES: ReadonlyMap<State, string> = new Map(
  Object.entries(State).map(([name, state]) => [state, name.toLowerCase()]),
);

/** "ready", "degraded", …; "unspecified" for none. */
export function stateName(state: State): string {
  return NAMES.get(state) ?? "unspecified";
}
