import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ObjectiveSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { prometheusRules } from "../../src/index.ts";

const objective = create(ObjectiveSchema, {
  namespace: "default",
  name: "fast",
  source: "web",
  target: "users.shop",
  targetRatio: 0.99,
  latencyBound: durationFromMs(250),
});

describe("rules for Prometheus", () => {
  const [group] = prometheusRules([objective]).groups;

  it("record the share of errors in five windows, and alert once to page and once for a ticket", () => {
    assert.deepEqual(
      group?.rules.map(({ record, alert }) => record ?? alert),
      ["5m", "30m", "1h", "6h", "3d"]
        .map((window) => `slo:error_ratio:rate${window}`)
        .concat(Array(2).fill("ErrorBudgetBurn")),
    );
  });

  it("count the pair, and hold a bound at its bucket", () => {
    const expr = group?.rules[0]?.expr ?? "";
    assert.match(expr, /direction="outbound",namespace="default",deployment="web",authority="users.shop"/);
    assert.match(expr, /response_latency_ms_bucket\{[^}]*le=~"300\(/);
  });

  it("compare with the burn rate times what the objective allows", () => {
    assert.match(group?.rules.at(-2)?.expr ?? "", /> \(14\.4 \* 0\.01\) and .* or .*> \(6 \* 0\.01\)/);
  });
});
