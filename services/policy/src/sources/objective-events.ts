import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { errorMessage } from "@patchbay/model";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { ObjectiveChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { cloudEventHeaders, type EventBus, type Log, sloSubject } from "@patchbay/wire";
import { budgetLeft, burn, type Measured, type ObjectiveSpec } from "../core/objectives/objective.ts";

export interface ObjectiveEventsOptions {
  events(): Promise<EventBus>;
  readonly log: Log;
}

/** A change of an objective's state. */
export interface ObjectiveChange {
  readonly spec: ObjectiveSpec;
  /** "ok": the error budget does not burn any more. */
  readonly state: "burning" | "ok";
  readonly short: Measured;
  readonly long: Measured;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Events of class "slo". */
const OBJECTIVE_CHANGED = "dev.patchbay.slo.burn.v1";

/** Stores a change as an event; nothing waits for it, and a failure is logged. */
export function createObjectiveEvents(options: ObjectiveEventsOptions): (change: ObjectiveChange) => void {
  return (change) => {
    const { namespace, name } = change.spec;
    void publish(options, change).catch((error: unknown) =>
      options.log.warn(
        { objective: `${namespace}/${name}`, error: errorMessage(error) },
        "an slo event was not stored",
      ),
    );
  };
}

async function publish({ events }: ObjectiveEventsOptions, change: ObjectiveChange): Promise<void> {
  const { namespace, name } = change.spec;
  // Replicas that see the same change in the same second store it once.
  const id = `${namespace}/${name}/${change.state}/${Math.floor(change.at / 1_000)}`;
  const headers = cloudEventHeaders({
    id,
    source: "/mesh/policy",
    type: OBJECTIVE_CHANGED,
    time: new Date(change.at),
    subject: `${namespace}/${name}`,
  });
  const bus = await events();
  await bus.publish({ subject: sloSubject(namespace, name), id, headers, data: encode(change) });
}

function encode({ spec, state, short, long, at }: ObjectiveChange): Uint8Array {
  const { namespace, name, source, target, ratio, latencyBoundMs, burnRate } = spec;
  return toBinary(
    ObjectiveChangedSchema,
    create(ObjectiveChangedSchema, {
      namespace,
      name,
      source,
      target,
      targetRatio: ratio,
      ...(latencyBoundMs > 0 ? { latencyBound: durationFromMs(latencyBoundMs) } : {}),
      state: state === "ok" ? ObjectiveState.OK : ObjectiveState.BURNING,
      shortBurn: burn(short, ratio),
      longBurn: burn(long, ratio),
      shortWindow: durationFromMs(spec.shortMs),
      longWindow: durationFromMs(spec.longMs),
      threshold: burnRate,
      budgetLeft: budgetLeft(long, ratio),
      at: timestampFromMs(at),
    }),
  );
}
