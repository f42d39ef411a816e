import { State, StateSchema } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { enumName } from "./output/enum-name.ts";
import { paint } from "./output/output.ts";

/** A state's name for people and scripts: "ready", "degraded". */
export function stateName(state: State): string {
  return enumName(StateSchema, state);
}

/** A state's name, coloured by what it means. */
export function paintState(state: State): string {
  const style = state === State.READY ? "good" : state === State.GONE || state === State.QUARANTINED ? "bad" : "warn";
  return paint(style, stateName(state));
}

/** The state that counts when a name has several instances: the best. */
export const bestFirst: readonly State[] = [
  State.READY,
  State.DEGRADED,
  State.STARTING,
  State.DRAINING,
  State.QUARANTINED,
  State.GONE,
  State.UNSPECIFIED,
];

/** Groups registrations by name, each group's best state first, names in order. */
export function byName(registrations: readonly Registration[]): Map<string, Registration[]> {
  const groups = new Map<string, Registration[]>();
  const sorted = [...registrations].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const each of sorted) {
    const name = each.announce?.name ?? "";
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  for (const group of groups.values()) {
    group.sort((a, b) => bestFirst.indexOf(a.state) - bestFirst.indexOf(b.state));
  }
  return groups;
}
