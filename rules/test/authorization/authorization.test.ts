import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { identityOf, type RequestFacts } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  AuthorizationAction,
  type AuthorizationPolicySchema,
  DefaultAction,
  InboundSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { type Authorization, compileAuthorization, RuleError } from "@patchbay/rules";
import { requestFacts } from "../support/facts.ts";

const { ALLOW, DENY, AUDIT, PLUGIN } = AuthorizationAction;
type Policy = Omit<MessageInitShape<typeof AuthorizationPolicySchema>, "$typeName">;

function authorization(
  policies: Record<string, Policy>,
  defaultAction: DefaultAction = DefaultAction.ALLOW,
): Authorization {
  return compileAuthorization(
    create(InboundSchema, {
      defaultAction,
      authorization: Object.entries(policies).map(([name, policy]) => ({
        ref: { kind: "AuthorizationPolicy", namespace: "default", name },
        ...policy,
      })),
    }),
  );
}

const fromStaging = requestFacts({ source: "spiffe://cluster.local/ns/staging/sa/web" });
const fromWeb = requestFacts();
const unproven = requestFacts({ source: "" });
const verdict = (rules: Authorization, facts: RequestFacts): string => {
  const { verdict: said, policy } = rules.decide(facts);
  return `${said} by ${policy.replace("AuthorizationPolicy default/", "")}`;
};
const opa = { name: "opa", failurePolicy: FailurePolicy.CLOSED };

describe("authorization", () => {
  it("without policies is what the mesh does by default", () => {
    assert.equal(verdict(authorization({}), fromWeb), "allow by default");
    assert.equal(verdict(authorization({}, DefaultAction.DENY), fromWeb), "deny by default");
  });

  it("lets deny win over allow", () => {
    const rules = authorization({
      "allow-all": { action: ALLOW, rules: [] },
      "no-staging": { action: DENY, rules: [{ from: [{ namespaces: ["staging"] }] }] },
    });
    assert.equal(verdict(rules, fromStaging), "deny by no-staging");
    assert.equal(verdict(rules, fromWeb), "allow by allow-all");
  });

  it("denies what no allow policy names as soon as there is one", () => {
    const rules = authorization({ reads: { action: ALLOW, rules: [{ to: [{ methods: ["GET"] }] }] } });
    assert.equal(verdict(rules, fromWeb), "allow by reads");
    assert.equal(verdict(rules, requestFacts({ method: "POST" })), "deny by default");
  });

  it("asks every plugin whose policy matches, and only when nothing denies", () => {
    const rules = authorization({
      first: { action: PLUGIN, plugin: opa, rules: [] },
      second: { action: PLUGIN, plugin: { ...opa, name: "other" }, rules: [{ to: [{ paths: ["/admin/*"] }] }] },
      "no-staging": { action: DENY, rules: [{ from: [{ namespaces: ["staging"] }] }] },
    });
    const admin = rules.decide(requestFacts({ path: "/Admin/x" }));
    assert.deepEqual([admin.verdict, admin.ask.map(({ plugin }) => plugin?.name)], ["ask", ["opa", "other"]]);
    assert.equal(rules.decide(fromWeb).ask.length, 1);
    assert.deepEqual([rules.decide(fromStaging).verdict, rules.decide(fromStaging).ask.length], ["deny", 0]);
  });

  it("tells which audit policies matched, without effect", () => {
    const rules = authorization({ seen: { action: AUDIT, rules: [{ from: [{ namespaces: ["staging"] }] }] } });
    assert.deepEqual(rules.decide(fromStaging).audited, ["AuthorizationPolicy default/seen"]);
    assert.equal(rules.decide(fromStaging).verdict, "allow");
    assert.deepEqual(rules.decide(fromWeb).audited, []);
  });

  it("takes a caller without proof for nobody", () => {
    const anybody = authorization({ proven: { action: ALLOW, rules: [{ from: [{ identities: ["*"] }] }] } });
    assert.equal(verdict(anybody, unproven), "deny by default");
    assert.equal(verdict(anybody, fromStaging), "allow by proven");
    const others = authorization({ others: { action: ALLOW, rules: [{ from: [{ notNamespaces: ["staging"] }] }] } });
    assert.equal(
      verdict(others, unproven),
      "deny by default",
      "staging would only have to leave its certificate at home",
    );
    assert.equal(verdict(others, fromWeb), "allow by others");
    const strict = authorization({ strict: { action: DENY, rules: [{ from: [{ notNamespaces: ["web"] }] }] } });
    assert.equal(verdict(strict, unproven), "deny by strict");
  });

  it("is not slipped past by the spelling of a path or method", () => {
    const deny = authorization({
      admin: { action: DENY, rules: [{ to: [{ paths: ["/admin", "/admin/*", "/me@x"] }] }] },
    });
    for (const path of [
      "/admin",
      "/ADMIN",
      "/Admin/users",
      "/me@x",
      "/me%40X",
      "/admin;v=1",
      "/admin;v=1/users",
      "/admin%3Bx",
      "/admin/",
      "/admin/;v=1",
      "/;v=1/admin",
      "/;/admin;/users",
      "/%3Bx/ADMIN/users",
      "/me@x/",
    ])
      assert.equal(verdict(deny, requestFacts({ path })), "deny by admin", path);
    assert.equal(verdict(deny, requestFacts({ path: "/administrator" })), "allow by default");
    const except = authorization({ all: { action: DENY, rules: [{ to: [{ notPaths: ["/public/*"] }] }] } });
    assert.equal(verdict(except, requestFacts({ path: "/public/a" })), "allow by default");
    assert.equal(verdict(except, requestFacts({ path: "/PUBLIC/a" })), "deny by all");
    const allow = authorization({
      cart: { action: ALLOW, rules: [{ to: [{ paths: ["/cart/*"], notPaths: ["/cart/admin"] }] }] },
    });
    assert.equal(verdict(allow, requestFacts({ path: "/cart/1" })), "allow by cart");
    assert.equal(verdict(allow, requestFacts({ path: "/CART/1" })), "deny by default");
    assert.equal(verdict(allow, requestFacts({ path: "/cart/ADMIN" })), "deny by default");
    const writes = authorization({ writes: { action: DENY, rules: [{ to: [{ methods: ["DELETE"] }] }] } });
    assert.equal(verdict(writes, requestFacts({ method: "delete" })), "deny by writes");
  });

  it("takes a path as its author would write it", () => {
    const deny = authorization({ cafe: { action: DENY, rules: [{ to: [{ paths: ["/caf\u00e9 bar", "/a%2db"] }] }] } });
    for (const path of ["/caf%C3%A9%20bar", "/a-b"])
      assert.equal(verdict(deny, requestFacts({ path })), "deny by cafe", path);
  });

  it("restricts when a condition cannot be evaluated, and does not permit", () => {
    const when = 'request.headers["x-debug"] == "1"';
    assert.equal(verdict(authorization({ debug: { action: ALLOW, rules: [{ when }] } }), fromWeb), "deny by default");
    assert.equal(verdict(authorization({ debug: { action: DENY, rules: [{ when }] } }), fromWeb), "deny by debug");
    const sure = `"x-debug" in request.headers && ${when}`;
    assert.equal(
      verdict(authorization({ debug: { action: DENY, rules: [{ when: sure }] } }), fromWeb),
      "allow by default",
    );
  });

  it("judges bytes that nobody looks into by who sends them", () => {
    const web = { ...identityOf("spiffe://cluster.local/ns/web/sa/front"), address: "" };
    const said = (policies: Record<string, Policy>): string => {
      const { verdict: decided, policy } = authorization(policies).decideConnection(web);
      return `${decided} by ${policy.replace("AuthorizationPolicy default/", "")}`;
    };
    const from = [{ namespaces: ["web"] }];
    assert.equal(said({ a: { action: ALLOW, rules: [{ from }] } }), "allow by a");
    assert.equal(said({ a: { action: ALLOW, rules: [{ from, to: [{ methods: ["GET"] }] }] } }), "deny by default");
    assert.equal(said({ a: { action: ALLOW, rules: [{ from, when: "connection.tls" }] } }), "deny by default");
    assert.equal(said({ a: { action: DENY, rules: [{ from, to: [{ methods: ["DELETE"] }] }] } }), "deny by a");
    assert.equal(said({ a: { action: DENY, rules: [{ from: [{ namespaces: ["staging"] }] }] } }), "allow by default");
    assert.equal(said({ a: { action: PLUGIN, plugin: opa, rules: [{ from, when: "connection.tls" }] } }), "deny by a");
    assert.equal(said({}), "allow by default");
  });

  it("knows whether paths matter to it", () => {
    assert.equal(authorization({ a: { action: DENY, rules: [{ to: [{ methods: ["GET"] }] }] } }).usesPaths, false);
    assert.equal(authorization({ a: { action: DENY, rules: [{ to: [{ notPaths: ["/a"] }] }] } }).usesPaths, true);
    assert.equal(authorization({ a: { action: DENY, rules: [{ when: 'request.path == "/"' }] } }).usesPaths, true);
  });

  it("says in a sentence why a policy did not match", () => {
    const rules = authorization({
      a: { action: DENY, rules: [{ from: [{ namespaces: ["staging", "test"] }] }] },
      b: { action: DENY, rules: [{ to: [{ methods: ["POST"] }] }, { when: 'request.host == "x"' }] },
      c: { action: ALLOW, rules: [{ from: [{ identities: ["*"] }] }] },
      d: { action: AUDIT, rules: [] },
    });
    assert.deepEqual(
      rules.explain(fromWeb).map(({ matched, why }) => `${matched}: ${why}`),
      [
        "false: source.namespace is web, not staging or test",
        'false: rule 1: request.method is GET, not POST; rule 2: when is false: request.host == "x"',
        "true: rule 1 matches",
        "true: it has no rules, so it matches every request",
      ],
    );
    assert.equal(rules.explain(unproven)[2]?.why, "source.identity is not proven");
  });

  it("is refused when it cannot be enforced, by name", () => {
    const refused = (policy: Policy, why: RegExp): void => {
      assert.throws(
        () => authorization({ odd: policy }),
        (error) => error instanceof RuleError && why.test(error.message),
        String(why),
      );
    };
    refused({ action: 0 }, /^AuthorizationPolicy default\/odd: cannot enforce a policy without action/);
    refused({ action: 9 as AuthorizationAction }, /authorization\[0\]\.action: 9/);
    refused({ action: PLUGIN }, /a plugin that is not named/);
    refused({ action: PLUGIN, plugin: { name: "opa" } }, /without knowing what happens when it does not answer/);
    refused({ action: DENY, rules: [{ to: [{ paths: ["/a/*/b"] }] }] }, /the path "\/a\/\*\/b"/);
    refused({ action: DENY, rules: [{ to: [{ paths: ["admin"] }] }] }, /the path "admin"/);
    refused(
      { action: DENY, rules: [{ when: "request.metod" }] },
      /column 1: request.metod is not known\. Did you mean request.method\?/,
    );
    refused({ action: DENY, rules: [{ when: "response.code == 200" }] }, /not known yet when a request is decided/);
    assert.throws(() => compileAuthorization(create(InboundSchema)), /what happens by default/);
  });
});
