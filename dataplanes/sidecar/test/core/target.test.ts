import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tryParseAuthority } from "@patchbay/model";
import { BALANCER_DEFAULTS } from "../../src/core/balancing/balancer-defaults.ts";
import { createTarget } from "../../src/core/balancing/target.ts";
import { type Branch, mergeResolution, Outcome, type Resolution } from "../../src/core/routing/resolution.ts";
import type { Route } from "../../src/core/types.ts";
import { endpoints, seeded } from "../support/simulation.ts";

const USERS = "users.default.svc.cluster.local:80";
const NONE: ReadonlySet<string> = new Set();

function branch(change: Partial<Branch> = {}): Branch {
  return {
    weight: 1,
    authority: USERS,
    outcome: Outcome.ENDPOINTS,
    endpoints: endpoints(2),
    resolver: "workloads",
    reason: "",
    ...change,
  };
}

function complete(...branches: Branch[]): Resolution {
  return { branches, incomplete: false };
}

function incomplete(...branches: Branch[]): Resolution {
  return { branches, incomplete: true };
}

function target(text: string) {
  const authority = tryParseAuthority(text, "default");
  assert.ok(authority);
  return createTarget(authority, { ...BALANCER_DEFAULTS, random: seeded(1), now: () => 0 });
}

function routeAfter(text: string, resolution: Resolution): Route {
  const held = target(text);
  held.update(resolution);
  return held.route();
}

function mesh(route: Route) {
  assert.equal(route.kind, "mesh");
  return route;
}

describe("routes of a target", () => {
  test("endpoints are a mesh route under the service's short name", () => {
    const route = mesh(routeAfter("users", complete(branch())));
    assert.equal(route.target, "users");
    assert.ok(route.pick(NONE));
  });

  test("before the first answer it is refused with 503 and a hint", () => {
    const route = target("users").route();
    assert.equal(route.kind === "refused" && route.status, 503);
    assert.match(route.kind === "refused" ? route.reason : "", /mesh check/);
  });

  test("nobody there is no endpoint, with what the link said as reason", () => {
    const empty = branch({ outcome: Outcome.EMPTY, endpoints: [], reason: "no workload is ready" });
    const route = mesh(routeAfter("users", complete(empty)));
    assert.equal(route.pick(NONE), undefined);
    assert.match(route.reason, /nobody serves users at this moment: no workload is ready \(said by workloads\)/);
  });

  test("an undecided chain is no endpoint", () => {
    const failed = branch({ outcome: Outcome.FAILED, endpoints: [], resolver: "plugin/x", reason: "timed out" });
    assert.match(mesh(routeAfter("users", complete(failed))).reason, /could not decide who serves users: timed out/);
  });

  test("an unknown dotted name or address is egress, an unknown single label is refused with a hint", () => {
    const absent = (authority: string) =>
      complete(branch({ authority, outcome: Outcome.ABSENT, endpoints: [], resolver: "" }));
    assert.deepEqual(routeAfter("example.com:443", absent("example.com:443")), { kind: "egress", target: "egress" });
    assert.deepEqual(routeAfter("10.1.2.3", absent("10.1.2.3:80")), { kind: "egress", target: "egress" });
    const refused = routeAfter("users", absent(USERS));
    assert.equal(refused.kind === "refused" && refused.status, 502);
    assert.match(refused.kind === "refused" ? refused.reason : "", /mesh endpoints users/);
  });

  test("a rewrite to a name that nobody knows is refused, not sent to the name asked for", () => {
    const route = routeAfter(
      "hello.there",
      complete(branch({ authority: "gone.example:80", outcome: Outcome.ABSENT, endpoints: [] })),
    );
    assert.equal(route.kind === "refused" && route.status, 502);
  });

  test("a split sends by weight, and an empty branch keeps its share and errors", () => {
    const split = complete(
      branch({ weight: 3, authority: "a.x:80" }),
      branch({ weight: 1, authority: "b.x:80", outcome: Outcome.EMPTY, endpoints: [] }),
    );
    const route = mesh(routeAfter("users", split));
    let failed = 0;
    for (let i = 0; i < 4_000; i += 1) {
      const pick = route.pick(NONE);
      if (pick === undefined) failed += 1 / 4_000;
      pick?.end(undefined);
    }
    assert.ok(Math.abs(failed - 0.25) < 0.03, `${failed}`);
  });

  test("a retry stays in the branch of its first try", () => {
    const [one, two, three, four] = endpoints(4);
    assert.ok(one && two && three && four);
    const split = complete(
      branch({ authority: "a.x:80", endpoints: [one, two] }),
      branch({ authority: "b.x:80", endpoints: [three, four] }),
    );
    const route = mesh(routeAfter("users", split));
    for (let i = 0; i < 50; i += 1) assert.equal(route.pick(new Set(["10.0.0.3:80"]))?.key, "10.0.0.4:80");
  });

  test("all at their limit says so", () => {
    const authority = tryParseAuthority("users", "default");
    assert.ok(authority);
    const held = createTarget(authority, { ...BALANCER_DEFAULTS, maxOutstanding: 1, random: seeded(1), now: () => 0 });
    held.update(complete(branch({ endpoints: endpoints(1) })));
    const route = mesh(held.route());
    route.pick(NONE);
    assert.equal(route.pick(NONE), undefined);
    assert.match(route.reason, /limit of 1 requests/);
  });
});

describe("incomplete answers", () => {
  const two = endpoints(2);
  const keys = (resolution: Resolution) =>
    resolution.branches.flatMap((each) => each.endpoints.map(({ endpoint }) => endpoint.address));

  test("remove nothing", () => {
    assert.deepEqual(
      keys(mergeResolution(complete(branch()), incomplete(branch({ endpoints: [], outcome: Outcome.ABSENT })))),
      ["10.0.0.1", "10.0.0.2"],
    );
    assert.deepEqual(keys(mergeResolution(complete(branch()), incomplete())), ["10.0.0.1", "10.0.0.2"]);
  });

  test("add endpoints to a branch that is held", () => {
    const held = complete(branch({ endpoints: two.slice(0, 1) }));
    const merged = mergeResolution(held, incomplete(branch({ endpoints: two.slice(1) })));
    assert.deepEqual(keys(merged), ["10.0.0.1", "10.0.0.2"]);
    assert.equal(merged.incomplete, false);
  });

  test("do not change the shares of a split", () => {
    const held = complete(branch({ authority: "a.x:80", weight: 9 }), branch({ authority: "b.x:80", weight: 1 }));
    const merged = mergeResolution(
      held,
      incomplete(branch({ authority: "a.x:80", weight: 1 }), branch({ authority: "c.x:80" })),
    );
    assert.deepEqual(
      merged.branches.map((each) => [each.authority, each.weight]),
      [
        ["a.x:80", 9],
        ["b.x:80", 1],
      ],
    );
  });

  test("are better than nothing", () => {
    assert.deepEqual(keys(mergeResolution(undefined, incomplete(branch()))), ["10.0.0.1", "10.0.0.2"]);
    assert.deepEqual(
      keys(mergeResolution(complete(branch({ endpoints: [], outcome: Outcome.EMPTY })), incomplete(branch()))),
      ["10.0.0.1", "10.0.0.2"],
    );
  });

  test("a complete answer replaces everything", () => {
    assert.deepEqual(
      keys(mergeResolution(complete(branch()), complete(branch({ endpoints: [], outcome: Outcome.EMPTY })))),
      [],
    );
  });
});
