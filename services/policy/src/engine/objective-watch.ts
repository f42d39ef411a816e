import type { AppContext, Resource } from "@patchbay/runtime";
import { durationMs } from "../core/duration.ts";
import { type ObjectiveResource, objectiveOf } from "../core/objectives/objective-resource.ts";
import { createObjectiveEvents } from "../sources/objective-events.ts";
import { createObjectives, type Objectives } from "./objectives.ts";

export interface ObjectiveWatch extends Pick<Objectives, "list" | "stop"> {
  /** All resources in force; those of other kinds are left alone. */
  update(resources: readonly Resource[]): void;
}

/** Holds the objectives that people wrote down against what telemetry counts. */
export function watchObjectives(context: AppContext): ObjectiveWatch {
  const { log, clock } = context;
  const objectives = createObjectives({
    telemetry: context.locate("telemetry"),
    onChange: createObjectiveEvents({ events: () => context.events(), log }),
    log,
    now: clock.now,
  });
  return {
    list: objectives.list,
    stop: objectives.stop,
    update(resources) {
      const written = resources.filter(({ kind }) => kind === "ServiceLevelObjective");
      // The spec has passed its kind's schema and checks.
      objectives.update(written.map((resource) => objectiveOf(resource as ObjectiveResource, durationMs)));
    },
  };
}
