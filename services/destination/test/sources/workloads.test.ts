import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { startDestination } from "../support/destination.ts";
import { picture, proxy } from "../support/registrations.ts";
import { said, watch } from "../support/watcher.ts";

describe("programs behind sidecars", () => {
  it("serve their name and namespace, by every port unless they name some", async () => {
    await using mesh = await startDestination({
      registrations: [
        proxy({ instance: "one", port: 7001 }),
        proxy({ instance: "two", port: 7002 }),
        proxy({ service: "db", namespace: "demo", port: 7003, ports: [5432] }),
      ],
    });
    const ask = async (authority: string) => said((await mesh.client.explain({ authority })).resolution);
    assert.equal(await ask("users"), "endpoints 7001,7002 by workloads");
    assert.equal(await ask("users.default.svc.cluster.local:9999"), "endpoints 7001,7002 by workloads");
    assert.equal(await ask("db.demo:5432"), "endpoints 7003 by workloads");
    assert.equal(await ask("db:5432"), "absent by nobody");
    const other = await mesh.client.explain({ authority: "db.demo.svc:80" });
    assert.match(other.resolution?.branches[0]?.reason ?? "", /db\.demo is served on port 5432, not on 80/);
  });

  it("come and go while somebody watches, and carry the identity to be proven", async () => {
    await using mesh = await startDestination();
    await using users = watch(mesh.client, "users");
    await users.until("absent by nobody");
    mesh.registry(picture([proxy()]));
    const up = await users.until("endpoints 7001 by workloads");
    assert.equal(up.branches[0]?.endpoints[0]?.identity, "spiffe://cluster.local/ns/default/sa/users");
    mesh.registry(picture([proxy({ state: State.DRAINING })]));
    await users.until("empty by workloads");
    mesh.registry(picture([proxy({ state: State.GONE })]));
    await users.until("absent by nobody");
    mesh.registry(picture([proxy()]));
    await users.until("endpoints 7001 by workloads");
    mesh.registry(picture([], { removed: ["proxy/default/users/one"] }));
    await users.until("absent by nobody");
  });

  it("stay while their lease lives although they are degraded, and leave when they say that they are not ready", async () => {
    await using mesh = await startDestination({
      registrations: [proxy({ state: State.DEGRADED }), proxy({ instance: "two", port: 7002 })],
    });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 7001,7002 by workloads");
    mesh.registry(picture([proxy({ ready: false })]));
    await users.until("endpoints 7002 by workloads");
    mesh.registry(picture([proxy({ instance: "two", port: 7002, stale: true, state: State.DEGRADED })]));
    await users.until("endpoints 7002 stale by workloads");
  });

  it("are added, and nothing is removed, until the registry has given its whole picture", async () => {
    await using mesh = await startDestination({
      complete: false,
      registrations: [proxy()],
      settings: { resolveDeadlineMs: 300, firstAnswerMs: 200 },
    });
    await using known = watch(mesh.client, "users");
    await known.until("… endpoints 7001 by workloads");
    await using unknown = watch(mesh.client, "orders");
    await unknown.until("… pending by workloads");
    await unknown.until("… absent by nobody");
    mesh.registry(picture([proxy(), proxy({ service: "orders", port: 7002 })], { reset: true }));
    await known.until("endpoints 7001 by workloads");
    await unknown.until("endpoints 7002 by workloads");
  });

  it("stay as they were when the registry starts anew and does not know them yet", async () => {
    await using mesh = await startDestination({ registrations: [proxy()] });
    await using users = watch(mesh.client, "users");
    await users.until("endpoints 7001 by workloads");
    mesh.registry(picture([], { reset: true, complete: false }));
    await using later = watch(mesh.client, "users:81");
    await later.until("endpoints 7001 by workloads");
    assert.equal(users.messages.length, 1);
  });
});
