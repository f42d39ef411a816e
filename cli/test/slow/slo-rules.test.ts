import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Objective, ObjectiveSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { prometheusRules } from "@patchbay/rules";
import { rulesYaml } from "../../src/commands/slo/rules-yaml.ts";
import { findPromtool } from "../support/promtool.ts";

const run = promisify(execFile);

const objective = (name: string, more: MessageInitShape<typeof ObjectiveSchema>): Objective =>
  create(ObjectiveSchema, { namespace: "default", name, target: "users", targetRatio: 0.99, ...more });
const objectives = [
  objective("pair", { source: "web.shop" }),
  objective("everybody", { targetRatio: 0.99999 }),
  objective("fast", { source: "web.shop", latencyBound: durationFromMs(250) }),
  objective("slower-than-any-bucket", { latencyBound: durationFromMs(90_000), target: "users.shop" }),
];

/** Counters that grow by so many a minute for four hours. */
const series = (labels: string, perMinute: number, metric = "response_total"): string =>
  `      - series: '${metric}{direction="outbound",namespace="shop",deployment="web",authority="users",${labels}}'\n        values: '0+${perMinute}x240'\n`;

interface World {
  readonly good: number;
  readonly bad: number;
  readonly slow: number;
}

/** A test of promtool: for which objectives there is a page and a ticket after these four hours. */
function testOf(name: string, { good, bad, slow }: World, alerts: readonly string[]): string {
  const all = good + bad;
  const expected = alerts.flatMap((burning) =>
    ["page", "ticket"].map(
      (severity) =>
        `          - exp_labels: { objective: default/${burning}, severity: ${severity}, target: users }\n` +
        "            exp_annotations:\n" +
        "              summary: requests to users from web.shop use up their error budget too fast\n" +
        '              description: "See which routes fail: mesh stat --routes --to users"\n',
    ),
  );
  return (
    `  - name: ${name}\n    interval: 1m\n    input_series:\n` +
    series('classification="success"', good) +
    series('classification="failure"', bad) +
    series('le="300"', all - slow, "response_latency_ms_bucket") +
    series('le="+Inf"', all, "response_latency_ms_bucket") +
    series('x=""', all, "response_latency_ms_count") +
    `    alert_rule_test:\n      - eval_time: 4h\n        alertname: ErrorBudgetBurn\n        exp_alerts:\n` +
    (expected.join("") || "          []\n")
  );
}

describe("rules for Prometheus", async () => {
  const { path, reason } = await findPromtool();
  const skip = path === undefined ? reason : false;
  if (skip) console.log(skip);
  let dir = "";
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "patchbay-rules-"));
    writeFileSync(join(dir, "rules.yaml"), rulesYaml(prometheusRules(objectives)));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("are what promtool accepts", { skip }, async () => {
    const { stdout } = await run(path ?? "", ["check", "rules", join(dir, "rules.yaml")]);
    assert.match(stdout, /SUCCESS: 28 rules found/);
  });

  it("alert for what burns, and for nothing else", { skip }, async () => {
    const only = (name: string) => objectives.filter((each) => each.name === name);
    writeFileSync(join(dir, "rules.yaml"), rulesYaml(prometheusRules([...only("pair"), ...only("fast")])));
    const tests = [
      testOf("calm", { good: 1_000, bad: 1, slow: 0 }, []),
      testOf("a fifth fails", { good: 800, bad: 200, slow: 0 }, ["fast", "pair"]),
      testOf("everything fails, but hardly anybody asks", { good: 0, bad: 0.01, slow: 0 }, []),
      testOf("a fifth is slow", { good: 1_000, bad: 0, slow: 200 }, ["fast"]),
    ];
    const head = `rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n`;
    writeFileSync(join(dir, "tests.yaml"), head + tests.join(""));
    const { stdout } = await run(path ?? "", ["test", "rules", "tests.yaml"], { cwd: dir });
    assert.match(stdout, /SUCCESS/);
  });
});
