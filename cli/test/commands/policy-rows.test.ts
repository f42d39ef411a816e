import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ProxyStatusSchema, StatusResponseSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { DefaultAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { isInForce, policyStatusJson, policyStatusLines } from "../../src/commands/policy/policy-rows.ts";

const wanted = "3f2a9c41d07b8e65";

function statusOf(...proxies: readonly MessageInitShape<typeof ProxyStatusSchema>[]) {
  const defaults = { namespace: "default", workload: "users", instance: "k3v9x2m4", wanted, connected: true };
  const all = proxies.map((proxy) => ({ ...defaults, ...proxy }));
  return create(StatusResponseSchema, { defaultAction: DefaultAction.ALLOW, proxies: all });
}

const resource = {
  kind: "ServiceLevelObjective",
  namespace: "default",
  name: "payments-works",
  summary: "99 % of requests to payments are good and under 250ms",
  warnings: ["no workload is called payments at the moment"],
};

function linesOf(status: ReturnType<typeof statusOf>): string {
  const lines = policyStatusLines(status, { folder: "~/resources", width: 80 }).map(stripVTControlCharacters);
  for (const line of lines) assert.ok(line.length <= 80, line);
  return lines.join("\n");
}

describe("mesh policy status", () => {
  it("shows what an older proxy refuses, why, and which version it runs instead", () => {
    const refused = "it is older than the policy service: it does not know field 127 of mesh.policy.v1.Snapshot";
    const status = statusOf({ version: "0badc0de0badc0de", rejectionReason: refused });
    assert.equal(isInForce(status), false);
    assert.match(
      linesOf(status),
      /users\/k3v9x2m4 +0badc0de0badc0de +refused: wants 3f2a9c41d07b8e65\n {4}it is older/,
    );
    const [proxy] = (policyStatusJson(status) as { proxies: object[] }).proxies;
    assert.deepEqual(proxy && "state" in proxy && "refused" in proxy && [proxy.state, proxy.refused], [
      "refused",
      refused,
    ]);
  });

  it("cuts no name where a line is too short, and says below what each policy does", () => {
    const lines = linesOf(create(StatusResponseSchema, { resources: [{ ...resource, workloads: ["default/web"] }] }));
    assert.match(
      lines,
      /POLICY +FOR\nServiceLevelObjective default\/payments-works +default\/web\n {4}99 % of .*250ms\n {4}no workload/,
    );
    const short = linesOf(create(StatusResponseSchema, { resources: [{ ...resource, summary: "99 %" }] }));
    assert.match(short, /POLICY +WHAT +FOR\n.*payments-works +99 % +-\n/);
  });

  it("tells proxies that are behind and away from those that are as they should be", () => {
    const status = statusOf({ version: wanted }, { version: "" }, { version: wanted, connected: false, wanted: "" });
    assert.equal(isInForce(status), true);
    assert.match(linesOf(status), /in force\n.*none +behind: wants 3f2a9c41d07b8e65\n.* away/);
  });
});
