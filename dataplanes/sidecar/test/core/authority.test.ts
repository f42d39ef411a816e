import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DEFAULT_NAMESPACE, parseServiceKey, serviceHost } from "@patchbay/model";
import { AUTHORITY_CASES, ODD_AUTHORITY_CASES } from "@patchbay/testkit";
import { noLog } from "@patchbay/wire";
import { proxyTransport } from "../../../client/test/support/core-server.ts";
import { endpointsAnswer, type FakeDestination, startDestination } from "../../../client/test/support/destination.ts";
import { readRequestFields } from "../../src/core/http/request-head.ts";
import type { ObservedRequest } from "../../src/core/tap/request-observer.ts";
import { TapFacts } from "../../src/core/tap/tap-facts.ts";
import { createRouter } from "../../src/sources/router.ts";

const cases = [...AUTHORITY_CASES, ...ODD_AUTHORITY_CASES];

describe("the sidecar's router", () => {
  let destination: FakeDestination;
  let transport: ReturnType<typeof proxyTransport>;
  before(async () => {
    destination = await startDestination();
    transport = proxyTransport(destination.address);
  });
  after(async () => {
    transport.close();
    await destination.die();
  });

  for (const { text, namespace = DEFAULT_NAMESPACE, rule, means } of cases) {
    const name = JSON.stringify(text.slice(0, 40));
    it(`${means === undefined ? "refuses" : "understands"} ${name} in ${namespace} (${rule})`, async () => {
      let followed: readonly string[] = [];
      const policy = {
        follow: (hosts: ReadonlySet<string>) => {
          followed = [...hosts];
        },
        outbound: () => undefined,
        onChange: () => () => undefined,
      };
      const router = createRouter({ destination: transport, namespace, policy, log: noLog });
      if (means !== undefined) destination.say(means.key, endpointsAnswer(means.key, ["10.0.0.1"]));
      try {
        const route = await router.route(text);
        assert.equal(route.kind === "refused" ? route.status : route.target, means?.short ?? 400);
        const rules = means === undefined || means.service === "" ? [] : [serviceHost(parseServiceKey(means.service))];
        assert.deepEqual(followed, rules);
      } finally {
        router.stop();
      }
    });
  }
});

describe("a tap", () => {
  it("sees the same service as the router", () => {
    for (const { text, namespace = DEFAULT_NAMESPACE, means } of cases) {
      if (means === undefined) continue;
      const { service, namespace: of } = new TapFacts(observed(text), self(namespace)).target;
      assert.equal(`${of}/${service}`, means.service === "" ? `/${means.short}` : means.service, text);
    }
  });
});

function self(namespace: string) {
  return { service: "web", namespace, identity: () => "" };
}

function observed(authority: string): ObservedRequest {
  const head = { ...readRequestFields(["host", "x"], "1.1"), method: "GET", path: "/", authority };
  const peer = { name: "web", identity: "", address: "" };
  return { direction: "outbound", authority, head, version: 1, peer, startedAt: 0 };
}
