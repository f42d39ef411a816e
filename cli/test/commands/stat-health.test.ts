import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Verdict } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { HealthResponseSchema } from "@patchbay/proto/mesh/telemetry/v1/telemetry_pb";
import {
  decisionTable,
  healthJson,
  healthTables,
  looksIll,
  refuses,
} from "../../src/commands/stat/stat-health-rows.ts";

const response = create(HealthResponseSchema, {
  window: durationFromMs(60_000),
  rows: [
    {
      source: "web",
      target: "users",
      backend: "users-v2",
      proxies: 2,
      reporting: 1,
      endpoints: 3,
      ejected: 1,
      outstanding: 12,
      retryBudget: 9.5,
      refused: 7n,
      overloads: 2n,
      retries: 40n,
      retriesDenied: 3n,
    },
    { source: "a-service-with-a-long-name", target: "users", backend: "users", proxies: 1, retries: 1n },
  ],
  decisions: [
    {
      target: "users",
      policy: "AuthorizationPolicy default/no-staging",
      source: "web",
      verdict: Verdict.DENIED,
      count: 4n,
    },
    { target: "users", policy: "default", source: "web", verdict: Verdict.ALLOWED, count: 400n },
  ],
});

describe("mesh stat --health", () => {
  const { targets, decisions } = healthJson(response);

  it("is one table on a wide terminal", () => {
    const [table = [], ...rest] = healthTables(targets, 140);
    assert.deepEqual(rest, []);
    assert.equal(
      table[0]?.replaceAll(/ +/g, " "),
      "SOURCE TARGET BACKEND ENDPOINTS EJECTED IN-FLIGHT REFUSED OVERLOAD RETRIES DENIED-RETRIES BUDGET",
    );
    assert.equal(table[1]?.replaceAll(/ +/g, " "), "web users users-v2 3 1 12 7 2 40 3 9.5");
    assert.equal(
      table[2]?.replaceAll(/ +/g, " "),
      "a-service-with-a-long-name users - - - - 0 0 1 0 -",
      "what no proxy told lately is not 0",
    );
  });

  it("fits each width, with what was counted under the state where lines are short", () => {
    for (const width of [80, 100, 115, 116, 160])
      for (const line of healthTables(targets, width).flat()) assert.ok(line.length <= width, line);
    const [state, counts] = healthTables(targets, 80);
    assert.match(state?.[0] ?? "", /ENDPOINTS +EJECTED +IN-FLIGHT +BUDGET$/);
    assert.match(counts?.[0] ?? "", /REFUSED +OVERLOAD +RETRIES +DENIED-RETRIES$/);
    for (const line of decisionTable(decisions, 80)) assert.ok(line.length <= 80, line);
  });

  it("for scripts has null where nothing is known", () => {
    assert.deepEqual(
      targets.map(({ now }) => now),
      [{ endpoints: 3, ejected: 1, inFlight: 12, retryBudget: 9.5 }, null],
    );
  });

  it("marks targets in trouble and requests that were refused, and nothing else", () => {
    assert.deepEqual(targets.map(looksIll), [true, false]);
    assert.deepEqual(decisions.map(refuses), [true, false]);
  });
});
