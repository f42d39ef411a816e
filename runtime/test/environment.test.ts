import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readEnvironment, settingsOf } from "../src/index.ts";

describe("the environment", () => {
  it("has a default for everything", () => {
    const { host, port, registry, logLevel, defaultAuthorization, profile } = readEnvironment({
      MESH_STATE_DIR: "/tmp/x",
    });
    assert.deepEqual(
      { host, port, registry, logLevel, defaultAuthorization, profile },
      {
        host: "127.0.0.1",
        port: 0,
        registry: undefined,
        logLevel: "info",
        defaultAuthorization: "allow",
        profile: "development",
      },
    );
  });

  it("is refused by the name of a variable that cannot be meant", () => {
    assert.throws(() => readEnvironment({ MESH_PORT: "http" }), /MESH_PORT must be a port/);
    assert.throws(() => readEnvironment({ MESH_REGISTRY: "nowhere" }), /MESH_REGISTRY must look like/);
    assert.throws(
      () => readEnvironment({ MESH_DEFAULT_AUTHORIZATION: "Deny" }),
      /MESH_DEFAULT_AUTHORIZATION must be allow or deny, not "Deny"/,
    );
    assert.throws(
      () => readEnvironment({ MESH_PROFILE: "prod" }),
      /MESH_PROFILE must be development or cluster, not "prod"/,
    );
  });

  it("chooses the settings of a laptop or of a cluster", () => {
    assert.equal(settingsOf(readEnvironment({}).profile).leaseMs, 5_000);
    const cluster = settingsOf(readEnvironment({ MESH_PROFILE: "cluster" }).profile);
    assert.deepEqual([cluster.leaseMs, cluster.nameRefusals], [30_000, false]);
  });
});
