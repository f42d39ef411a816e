import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { identityOf, type RequestFacts } from "@patchbay/model";
import {
  AuthorizationAction,
  type AuthorizationRule,
  AuthorizationRuleSchema,
  DefaultAction,
  type Inbound,
  InboundSchema,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";

const { ALLOW, DENY, AUDIT } = AuthorizationAction;

/** Policies of one workload as a platform team would have them: by namespace, by service, by path, some with a condition. */
export function inboundOf(count: number): Inbound {
  const authorization = Array.from({ length: count }, (_, index) => {
    const [action, rule] = ruleOf(index);
    return {
      ref: { kind: "AuthorizationPolicy", namespace: "default", name: `policy-${index}` },
      action,
      rules: [rule],
    };
  });
  return create(InboundSchema, { defaultAction: DefaultAction.ALLOW, authorization });
}

function ruleOf(index: number): [AuthorizationAction, AuthorizationRule] {
  const from = [{ identities: [identity(index)] }];
  const rules: readonly [AuthorizationAction, MessageInitShape<typeof AuthorizationRuleSchema>][] = [
    [ALLOW, { from, to: [{ methods: ["GET", "POST"], paths: [`/tenants/${index}/*`] }] }],
    [DENY, { from: [{ namespaces: [`team-${index}`] }] }],
    [DENY, { to: [{ paths: [`/admin/${index}/*`, `/internal/${index}`] }] }],
    [ALLOW, { from: [{ identities: [`spiffe://cluster.local/ns/team-${index}/sa/*`] }] }],
    [AUDIT, { from, when: 'request.headers["x-tenant"] != "" && request.path.startsWith("/tenants/")' }],
  ];
  const [action, rule] = rules[index % rules.length] ?? [DENY, {}];
  return [action, create(AuthorizationRuleSchema, rule)];
}

function identity(index: number): string {
  return `spiffe://cluster.local/ns/clients/sa/client-${index}`;
}

const SOURCES = Array.from({ length: 50 }, (_, index) => ({
  ...identityOf(identity(index)),
  address: "127.0.0.1:4000",
}));
const TARGET = { namespace: "default", service: "users" };

/** One of 50 requests, made anew as a proxy makes them. */
export function requestOf(turn: number): RequestFacts {
  const index = turn % SOURCES.length;
  return {
    method: "GET",
    path: `/tenants/${index}/orders`,
    query: "",
    host: "users",
    headers: ["accept", "*/*", "user-agent", "bench", "x-tenant", "acme"],
    protocol: "http/2",
    source: SOURCES[index] ?? { ...identityOf(""), address: "" },
    target: TARGET,
    tls: true,
    direction: "inbound",
    route: "GET /tenants/{id}/orders",
  };
}
