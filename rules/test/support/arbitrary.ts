import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { RequestFacts } from "@patchbay/model";
import { FailurePolicy, PolicyRefSchema } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  AuthorizationAction,
  AuthorizationPolicySchema,
  DefaultAction,
  type Inbound,
  InboundSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import fc from "fast-check";
import { requestFacts } from "./facts.ts";

const ID = "spiffe://cluster.local/ns";
const identities = [
  `${ID}/web/sa/a`,
  `${ID}/web/sa/b`,
  `${ID}/staging/sa/a`,
  `${ID}/Web/sa/a`,
  "spiffe://other/x",
  `${ID}/web/sa/a/b`,
];
const identityPatterns = [
  ...identities,
  "*",
  `${ID}/web/sa/*`,
  `${ID}/*`,
  "*/sa/a",
  `${ID}/web/*a`,
  `${ID}/w*/sa/*b`,
  "spiffe://*",
];
const namespaces = ["web", "staging", "Web"];
const paths = [
  "/",
  "/a",
  "/A",
  "/a/",
  "/a/b",
  "/A/b",
  "/a/b/c",
  "/a%40x",
  "/a@x",
  "/a/b/c/d/e/f/g/h/i/j",
  "/ab",
  "/a;v=1",
  "/a;v=1/b",
  "/;v=1/a/b",
];
const pathPatterns = [
  ...paths,
  "*",
  "/*",
  "/a*",
  "/a/*",
  "/A/*",
  "*/b",
  "*b",
  "/a/b/c/d/e/f/g/h/i/*",
  "/a/b/c/d/e/f/g/h/*",
  "/a%40*",
];
const methods = ["GET", "POST", "get"];
const whens = ["", "", "", 'request.headers["x"] == "1"', 'request.method == "GET"', 'source.namespace in ["web", ""]'];

const few = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<T[]>([]) },
    { weight: 3, arbitrary: fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }) },
  );

const source = fc.record({
  identities: few(identityPatterns),
  notIdentities: few(identityPatterns),
  namespaces: few(namespaces),
  notNamespaces: few(namespaces),
});

const operation = fc.record({
  methods: few(methods),
  notMethods: few(methods),
  paths: few(pathPatterns),
  notPaths: few(pathPatterns),
});

const rule = fc.record({
  from: fc.array(source, { maxLength: 2 }),
  to: fc.array(operation, { maxLength: 2 }),
  when: fc.constantFrom(...whens),
});

const policy: fc.Arbitrary<MessageInitShape<typeof AuthorizationPolicySchema>> = fc.record({
  action: fc.constantFrom(
    AuthorizationAction.ALLOW,
    AuthorizationAction.DENY,
    AuthorizationAction.AUDIT,
    AuthorizationAction.PLUGIN,
  ),
  rules: fc.array(rule, { maxLength: 3 }),
  plugin: fc.constant({ name: "opa", failurePolicy: FailurePolicy.CLOSED }),
});

/** Up to eight policies over few names, so that much of it meets. */
export const inbounds: fc.Arbitrary<Inbound> = fc
  .record({
    policies: fc.array(policy, { maxLength: 8 }),
    defaultAction: fc.constantFrom(DefaultAction.ALLOW, DefaultAction.DENY),
  })
  .map(({ policies, defaultAction }) => {
    const authorization = policies.map((each, index) => {
      const ref = create(PolicyRefSchema, { kind: "AuthorizationPolicy", namespace: "n", name: `p${index}` });
      return create(AuthorizationPolicySchema, { ...each, ref });
    });
    return create(InboundSchema, { defaultAction, authorization });
  });

export const requests: fc.Arbitrary<RequestFacts> = fc
  .record({
    source: fc.constantFrom("", ...identities),
    path: fc.constantFrom(...paths),
    method: fc.constantFrom(...methods),
    headers: fc.constantFrom<string[]>([], ["X", "1"], ["x", "2"]),
  })
  .map(requestFacts);
