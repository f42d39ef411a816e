import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { spiffeId } from "@patchbay/model";
import { NatsConnectionSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { type RegisterRequest, RegisterRequestSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createSessions } from "../../src/api/sessions.ts";
import { createDirectory } from "../../src/core/replicas/directory.ts";
import { proxy } from "../support/announcements.ts";
import { createClock } from "../support/clock.ts";

const times = { leaseMs: 5_000, heartbeatMs: 1_600 };

function bench() {
  const { now } = createClock();
  const directory = createDirectory({
    ...times,
    replica: "r1",
    staleKeepMs: 60_000,
    tickMs: 250,
    start: now(),
    now,
    loading: false,
  });
  const sessions = createSessions({
    ...times,
    directory,
    replica: "r1",
    proof: "development key",
    identityOf: spiffeId,
    grants: { grant: () => assert.fail("a proxy needs no grant"), onChange: () => () => undefined },
    credentials: { issue: async () => create(NatsConnectionSchema), accessOf: () => assert.fail() },
    key: new Uint8Array(32),
    now,
  });
  return { directory, sessions };
}

describe("a Register stream that ended", () => {
  it("takes nothing in any more, not even an announcement that was on its way", async () => {
    const { directory, sessions } = bench();
    const session = sessions.open({ kind: "proxy", namespace: "default", name: "users", instance: "one" });
    const late = Promise.withResolvers<RegisterRequest>();
    const reading = session.read(
      (async function* () {
        yield await late.promise;
      })(),
    );
    sessions.close(session);
    late.resolve(create(RegisterRequestSchema, { message: { case: "announce", value: proxy() } }));
    await reading;
    assert.deepEqual(directory.list(), []);
    assert.deepEqual(sessions.all(), []);
  });
});
