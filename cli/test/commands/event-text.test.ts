import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Outcome } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { ObjectiveState } from "@patchbay/proto/mesh/common/v1/objective_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  EndpointChangedSchema,
  ObjectiveChangedSchema,
  PluginStateChangedSchema,
} from "@patchbay/proto/mesh/event/v1/event_pb";
import type { EventClass, ReplayedEvent } from "@patchbay/wire";
import { describeEvent, eventJson } from "../../src/commands/events/event-text.ts";

function eventOf<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): ReplayedEvent {
  return { data: toBinary(schema, create(schema, init)), subject: "", time: 0, seq: 1, headers: new Map() };
}

function tell<Desc extends DescMessage>(kind: EventClass, schema: Desc, init: MessageInitShape<Desc>): string {
  // After the time of day and the class.
  return describeEvent(kind, eventOf(schema, init)).slice("00:00:00 endpoint ".length);
}

describe("an event in one line", () => {
  it("names the endpoints of an authority, or why it has none", () => {
    const endpoint = (init: MessageInitShape<typeof EndpointChangedSchema>) =>
      tell("endpoint", EndpointChangedSchema, { authority: "users", ...init });
    const endpoints = [{ address: "127.0.0.1", port: 7001 }];
    assert.equal(
      endpoint({ resolver: "workloads", outcome: Outcome.ENDPOINTS, endpoints }),
      "users: 127.0.0.1:7001, by workloads",
    );
    assert.equal(endpoint({ outcome: Outcome.ABSENT }), "users: absent, by no resolver");
  });

  it("names the states of a plugin", () => {
    const plugin = (previous: State, state: State) =>
      tell("plugin", PluginStateChangedSchema, { name: "geo", instance: "a", previous, state });
    assert.equal(plugin(State.UNSPECIFIED, State.STARTING), "geo (a) new -> starting");
    assert.equal(plugin(State.STARTING, State.READY), "geo (a) starting -> ready");
  });

  it("names the state of an objective", () => {
    const init = { namespace: "demo", name: "pays", shortBurn: 20, longBurn: 15, threshold: 14.4 };
    assert.match(
      tell("slo", ObjectiveChangedSchema, { ...init, state: ObjectiveState.BURNING }),
      /^demo\/pays is burning: burns 20/,
    );
  });
});

describe("an event for scripts", () => {
  const dataOf = <Desc extends DescMessage>(kind: EventClass, schema: Desc, init: MessageInitShape<Desc>): unknown =>
    (eventJson(kind, eventOf(schema, init)) as { data: unknown }).data;

  it("has the names of states and outcomes that the other commands print", () => {
    assert.partialDeepStrictEqual(dataOf("plugin", PluginStateChangedSchema, { name: "geo", state: State.READY }), {
      name: "geo",
      state: "ready",
      previous: "",
    });
    assert.partialDeepStrictEqual(dataOf("endpoint", EndpointChangedSchema, { outcome: Outcome.ABSENT }), {
      outcome: "absent",
    });
    assert.partialDeepStrictEqual(dataOf("slo", ObjectiveChangedSchema, { state: ObjectiveState.NO_DATA }), {
      state: "no-data",
    });
  });
});
