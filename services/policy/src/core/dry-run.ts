import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  DEFAULT_NAMESPACE,
  type DescribedRequest,
  identityOf,
  type RequestContext,
  type RequestFacts,
  requestFacts,
  type TargetFacts,
} from "@patchbay/model";
import type { LimitStateSchema } from "@patchbay/proto/mesh/common/v1/limit_pb";
import {
  type PolicyDecisionSchema,
  type RouteDecision,
  RouteDecisionSchema,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { compileHeaderChange, compileInbound, compileRoutes, type Decision } from "@patchbay/rules";
import { type AskedName, readAuthority } from "./names.ts";
import type { PolicyIndex, Workload } from "./policy-index.ts";

/** A described request, as the caller's proxy would read its head. */
export interface DryRunRequest extends DescribedRequest {
  readonly asked: AskedName;
  /** SPIFFE ID; empty: no proof. */
  readonly identity: string;
}

/** The decision of the client's proxy. */
export interface RouteView {
  readonly decision: RouteDecision;
  /** Why it is not forwarded; empty: it is. */
  readonly nowhere: string;
  /** Services of the mesh that may receive it. */
  readonly servers: readonly Workload[];
  /** As the client's proxy would send it. */
  readonly sent: DryRunRequest;
}

/** The decision of the proxy of one service. */
export interface ServerView {
  readonly server: Workload;
  /** "ambiguous": refused since servers may read its path differently. */
  readonly decision: Decision | "ambiguous";
  readonly policies: readonly MessageInitShape<typeof PolicyDecisionSchema>[];
  readonly limits: readonly MessageInitShape<typeof LimitStateSchema>[];
}

/** Namespace of a caller, in which single labels are resolved. Programs without a service name run in the default one. */
export function clientNamespace(identity: string): string {
  const { namespace } = identityOf(identity);
  return namespace === "" ? DEFAULT_NAMESPACE : namespace;
}

export function viewRoute(policyIndex: PolicyIndex, request: DryRunRequest): RouteView {
  const { asked, identity } = request;
  const { namespace = "", name = "" } = asked.service ?? {};
  const facts = factsOf(request, { namespace, service: name }, "outbound");
  const table = compileRoutes(policyIndex.outbound(clientNamespace(identity), asked.host));
  const decision = create(RouteDecisionSchema, table.explain(facts));
  const matched = table.match(facts);
  const view = { decision, nowhere: "", servers: [], sent: request };
  if (matched.kind === "unmatched")
    return { ...view, nowhere: `${asked.host} has routes, and none matches: it is answered 404` };
  if (matched.kind === "none") return { ...view, servers: asked.service ? [asked.service] : [] };
  const { backends, requestHeaders } = matched.rule;
  const change = compileHeaderChange(requestHeaders);
  const sent = change === undefined ? request : { ...request, headers: change([...request.headers]) };
  if (backends.length === 0) return { ...view, sent, servers: asked.service ? [asked.service] : [] };
  const live = backends.filter(({ weight }) => weight > 0);
  if (live.length === 0) return { ...view, nowhere: "every backend has weight 0: it is answered 500" };
  const servers = live.flatMap(({ authority }) => readAuthority(authority)?.service ?? []);
  return { ...view, sent, servers };
}

export function viewServer(policyIndex: PolicyIndex, request: DryRunRequest, server: Workload): ServerView {
  const rules = compileInbound(policyIndex.inbound(server));
  const facts = factsOf(request, { namespace: server.namespace, service: server.name }, "inbound");
  return {
    server,
    decision: rules.decide(facts),
    policies: rules.authorization.explain(facts),
    limits: rules.limits.explain(facts),
  };
}

function factsOf(request: DryRunRequest, target: TargetFacts, direction: RequestContext["direction"]): RequestFacts {
  const source = { ...identityOf(request.identity), address: "" };
  return requestFacts(request, { version: 1, source, target, direction });
}
