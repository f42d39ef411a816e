import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readEnvironment } from "../src/index.ts";

describe("the environment", () => {
  it("has a default for everything", () => {
    const { host, port, registry, logLevel, defaultAuthorization } = readEnvironment({ MESH_STATE_DIR: "/tmp/x" });
    assert.deepEqual(
      { host, port, registry, logLevel, defaultAuthorization },
      { host: "127.0.0.1", port: 0, registry: undefined, logLevel: "info", defaultAuthorization: "allow" },
    );
  });

  it("is refused by the name of a variable that cannot be meant", () => {
    assert.throws(() => readEnvironment({ MESH_PORT: "http" }), /MESH_PORT must be a port/);
    assert.throws(() => readEnvironment({ MESH_REGISTRY: "nowhere" }), /MESH_REGISTRY must look like/);
    assert.throws(
      () => readEnvironment({ MESH_DEFAULT_AUTHORIZATION: "Deny" }),
      /MESH_DEFAULT_AUTHORIZATION must be allow or deny, not "Deny"/,
    );
  });
});
