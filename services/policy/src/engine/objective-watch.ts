import type { AppContext } from "@patchbay/runtime";
import type { CompiledPolicy } from "../core/policy-kind.ts";
import { createObjectiveEvents } from "../sources/objective-events.ts";
import { createObjectives, type Objectives } from "./objectives.ts";

export interface ObjectiveWatch extends Pick<Objectives, "list" | "stop"> {
  /** All resources in force; those of other kinds are left alone. */
  update(policies: readonly CompiledPolicy[]): void;
}

/** Compares the ServiceLevelObjectives in force with the counts of telemetry. */
export function watchObjectives(context: AppContext): ObjectiveWatch {
  const { log, clock } = context;
  const objectives = createObjectives({
    telemetry: context.locate("telemetry"),
    onChange: createObjectiveEvents({ events: () => context.events(), log }),
    log,
    clock,
  });
  return {
    list: objectives.list,
    stop: objectives.stop,
    update(policies) {
      objectives.update(policies.flatMap(({ part }) => part.objective ?? []));
    },
  };
}
