import { create, toBinary } from "@bufbuild/protobuf";
import { errorMessage } from "@patchbay/model";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { ResolveResponse } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { type EndpointChanged, EndpointChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { cloudEventHeaders, type EventBus, endpointSubject, type Log } from "@patchbay/wire";

export interface PublisherOptions {
  /** The same connection each time. */
  events(): Promise<EventBus>;
  /** Unique per process, so that ids are unique. */
  readonly instance: string;
  readonly log: Log;
  now(): number;
  onPublished(): void;
  /** `superseded`: a later change of the same authority took its place while it waited. */
  onDropped(reason: "superseded" | "full" | "failed"): void;
}

/** Publishes changed answers as events. Best effort: nothing waits for NATS or fails with it. */
export interface Publisher {
  changed(resolution: ResolveResponse): void;
}

/** Events of class "endpoint". */
const ENDPOINT_CHANGED = "dev.patchbay.endpoint.changed.v1";
const MAX_WAITING = 1_000;
const MAX_IN_FLIGHT = 64;

export function createPublisher(options: PublisherOptions): Publisher {
  const waiting = new Map<string, ResolveResponse>();
  let inFlight = 0;
  let count = 0;
  let complained = false;
  const send = async (resolution: ResolveResponse): Promise<void> => {
    count += 1;
    try {
      const bus = await options.events();
      await bus.publish(toEvent(resolution, { id: `${options.instance}-${count}`, at: new Date(options.now()) }));
      complained = false;
      options.onPublished();
    } catch (error) {
      options.onDropped("failed");
      if (!complained) options.log.warn({ error: errorMessage(error) }, "endpoint events are not being stored");
      complained = true;
    }
  };
  const pump = (): void => {
    for (const [authority, resolution] of waiting) {
      if (inFlight >= MAX_IN_FLIGHT) return;
      waiting.delete(authority);
      inFlight += 1;
      void send(resolution).finally(() => {
        inFlight -= 1;
        pump();
      });
    }
  };
  return {
    changed(resolution) {
      const known = waiting.has(resolution.authority);
      if (known) options.onDropped("superseded");
      else if (waiting.size >= MAX_WAITING) return options.onDropped("full");
      waiting.set(resolution.authority, resolution);
      pump();
    },
  };
}

function toEvent(resolution: ResolveResponse, { id, at }: { id: string; at: Date }) {
  const headers = cloudEventHeaders({
    id,
    source: "/mesh/destination",
    type: ENDPOINT_CHANGED,
    time: at,
    subject: resolution.authority,
  });
  const data = toBinary(EndpointChangedSchema, endpointChanged(resolution));
  return { subject: endpointSubject(resolution.authority), id, headers, data };
}

/** Merges all branches; their weights are in Explain. */
function endpointChanged({ authority, version, branches }: ResolveResponse): EndpointChanged {
  const resolvers = [...new Set(branches.map(({ resolver }) => resolver).filter((name) => name !== ""))];
  const best = branches.find(({ outcome }) => outcome === Outcome.ENDPOINTS) ?? branches[0];
  return create(EndpointChangedSchema, {
    authority,
    version,
    resolver: resolvers.join(", "),
    outcome: best?.outcome ?? Outcome.UNSPECIFIED,
    endpoints: branches.flatMap(({ endpoints }) => endpoints),
  });
}
