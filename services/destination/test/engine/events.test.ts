import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { Outcome, OutcomeSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { ResolveResponseSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { EndpointChangedSchema } from "@patchbay/proto/mesh/event/v1/event_pb";
import { eventually, startNats } from "@patchbay/testkit";
import { connectEvents, ensureStream, noLog, readCloudEvent, STREAM_SUBJECTS, STREAMS } from "@patchbay/wire";
import { createPublisher } from "../../src/engine/publisher.ts";
import { startDestination } from "../support/destination.ts";
import { picture, proxy } from "../support/registrations.ts";
import { watch } from "../support/watcher.ts";

describe("endpoint events", () => {
  it("tell each change of a watched authority", async () => {
    await using nats = await startNats();
    const bus = await connectEvents({ servers: [nats.url], name: "destination", log: noLog });
    const subjects = STREAM_SUBJECTS[STREAMS.endpoint];
    await ensureStream(bus.admin(), {
      name: STREAMS.endpoint,
      subjects,
      maxAgeMs: 60_000,
      maxBytes: 1_000_000,
      discard: "old",
    });
    await using mesh = await startDestination({ events: async () => bus });
    await using users = watch(mesh.client, "users");
    await users.until("absent by nobody");
    mesh.registry(picture([proxy()]));
    await users.until("endpoints 7001 by workloads");
    await eventually(async () => (await mesh.metric("destination_events_published_total")) === 2);
    const seen: string[] = [];
    await bus.replay({
      stream: STREAMS.endpoint,
      since: new Date(0),
      onMessage({ subject, data, headers }) {
        const event = readCloudEvent(headers);
        const changed = fromBinary(EndpointChangedSchema, data);
        assert.equal(event?.type, "dev.patchbay.endpoint.changed.v1");
        assert.equal(changed.authority, "users.default.svc.cluster.local:80");
        assert.match(subject, /^mesh\.event\.endpoint\.standard\.users_default_svc_cluster_local:80$/);
        seen.push(
          `${OutcomeSchema.value[changed.outcome]?.localName} ${changed.endpoints.map(({ port }) => port).join()} by ${changed.resolver}`,
        );
      },
    });
    assert.deepEqual(seen, ["ABSENT  by ", "ENDPOINTS 7001 by workloads"]);
    await bus.close();
  });

  it("never grow or block while NATS is away: later ones take the place of earlier ones, and what is lost is counted", async () => {
    const counts = { superseded: 0, full: 0, failed: 0 };
    const away = Promise.withResolvers<never>();
    const publisher = createPublisher({
      events: () => away.promise,
      instance: "one",
      log: noLog,
      now: Date.now,
      onPublished: () => assert.fail("nothing can be published"),
      onDropped: (reason) => {
        counts[reason] += 1;
      },
    });
    const changed = (authority: string) =>
      publisher.changed(create(ResolveResponseSchema, { authority, branches: [{ outcome: Outcome.EMPTY }] }));
    for (let n = 0; n < 2_000; n++) changed(`service-${n}:80`);
    assert.deepEqual(counts, { superseded: 0, full: 2_000 - 1_000 - 64, failed: 0 });
    changed("service-100:80");
    assert.equal(counts.superseded, 1);
    away.reject(new Error("NATS is away"));
    await eventually(() => counts.failed === 1_064);
  });
});
