import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { identityOf, type RequestFacts } from "@patchbay/model";
import {
  type LimitStateSchema,
  type PolicyDecisionSchema,
  type RouteDecision,
  RouteDecisionSchema,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { compileAuthorization, compileLimits, compileRoutes, type Decision, normalizePath } from "@patchbay/rules";
import { type AskedName, readAuthority } from "./names.ts";
import type { PolicyIndex, Workload } from "./policy-index.ts";

/** A request that may never be sent. */
export interface DryRunRequest {
  readonly method: string;
  /** With its query, as written. */
  readonly path: string;
  readonly asked: AskedName;
  readonly headers: Readonly<Record<string, string>>;
  /** SPIFFE ID; empty: no proof. */
  readonly identity: string;
}

/** What the client's proxy would do with it. */
export interface RouteView {
  readonly decision: RouteDecision;
  /** Why it goes nowhere; empty: it does. */
  readonly nowhere: string;
  /** Services that may get it. Those outside the mesh are not among them. */
  readonly servers: readonly Workload[];
}

/** What the proxy of one service would do with it. */
export interface ServerView {
  readonly server: Workload;
  readonly decision: Decision;
  readonly policies: readonly MessageInitShape<typeof PolicyDecisionSchema>[];
  readonly limits: readonly MessageInitShape<typeof LimitStateSchema>[];
  /** Refused since servers may read its path differently. */
  readonly ambiguous: boolean;
}

/** A caller without proof is taken for one of namespace "default", where programs without a service name run. */
export function viewRoute(book: PolicyIndex, request: DryRunRequest): RouteView {
  const { asked, identity } = request;
  const clients = identityOf(identity).namespace || "default";
  const facts = factsOf(request, asked.service ?? { namespace: "", name: "" }, "outbound");
  const table = compileRoutes(book.outbound(clients, asked.host));
  const decision = create(RouteDecisionSchema, table.explain(facts));
  const matched = table.match(facts);
  if (matched.kind === "unmatched") {
    const nowhere = `${asked.host} has routes, and none matches: it is answered 404`;
    return { decision, nowhere, servers: [] };
  }
  const backends = matched.kind === "rule" ? matched.rule.backends : [];
  if (backends.length === 0) return { decision, nowhere: "", servers: asked.service ? [asked.service] : [] };
  const live = backends.filter(({ weight }) => weight > 0);
  if (live.length === 0) {
    return { decision, nowhere: "every backend has weight 0: it is answered 500", servers: [] };
  }
  const servers = live.flatMap(({ authority }) => readAuthority(authority)?.service ?? []);
  return { decision, nowhere: "", servers };
}

export function viewServer(book: PolicyIndex, request: DryRunRequest, server: Workload): ServerView {
  const inbound = book.inbound(server);
  const authorization = compileAuthorization(inbound);
  const facts = factsOf(request, server, "inbound");
  return {
    server,
    decision: authorization.decide(facts),
    policies: authorization.explain(facts),
    limits: compileLimits(inbound).explain(facts),
    ambiguous: authorization.usesPaths && normalizePath(request.path).ambiguous,
  };
}

function factsOf(request: DryRunRequest, target: Workload, direction: RequestFacts["direction"]): RequestFacts {
  const { method, path, asked, headers, identity } = request;
  const { bare, query } = normalizePath(path);
  return {
    method,
    path: bare,
    query,
    host: asked.host,
    port: asked.port,
    headers: Object.entries(headers).flat(),
    protocol: isGrpc(headers) ? "grpc" : "http/1.1",
    source: { ...identityOf(identity), address: "" },
    target: { namespace: target.namespace, service: target.name },
    tls: identity !== "",
    direction,
  };
}

function isGrpc(headers: Readonly<Record<string, string>>): boolean {
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  return type.startsWith("application/grpc");
}
