import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { identityOf, readIdentity, serviceHost, tryParseAuthority, workloadName } from "@patchbay/model";
import { type LimitState, LimitStateSchema } from "@patchbay/proto/mesh/common/v1/limit_pb";
import type { DescribedRequest } from "@patchbay/proto/mesh/common/v1/request_pb";
import { ExplainRequestSchema, type ExplainResponse, RequestDecision } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { type DefaultAction, type Snapshot, SnapshotSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { InspectRequestSchema } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { type MatchedLimit, policyName } from "@patchbay/rules";
import { API_VERSION, createParser } from "@patchbay/runtime";
import { createInspect } from "../../../dataplanes/sidecar/src/admin/inspect.ts";
import { http2RequestFields, readHttp2Request } from "../../../dataplanes/sidecar/src/core/http/http2-fields.ts";
import { normalizeHead } from "../../../dataplanes/sidecar/src/core/http/normal-head.ts";
import type { RequestHead } from "../../../dataplanes/sidecar/src/core/http/request-head.ts";
import { Verdict } from "../../../dataplanes/sidecar/src/core/policy/decision-counts.ts";
import { createLimiter } from "../../../dataplanes/sidecar/src/core/policy/limiter.ts";
import { createPolicyGuard } from "../../../dataplanes/sidecar/src/core/policy/policy-guard.ts";
import { compileSnapshot } from "../../../dataplanes/sidecar/src/core/policy/policy-rules.ts";
import { backendFor, routedHead } from "../../../dataplanes/sidecar/src/core/routing/applied-route.ts";
import { compileTargetRules } from "../../../dataplanes/sidecar/src/core/routing/target-rules.ts";
import { authInterceptor } from "../../../runtime/src/auth.ts";
import { createExplain } from "../../../services/policy/src/api/explain.ts";
import { KINDS } from "../../../services/policy/src/core/kinds.ts";
import { createPolicyIndex, type PolicyIndex, type Workload } from "../../../services/policy/src/core/policy-index.ts";
import { composeSnapshot } from "../../../services/policy/src/core/snapshot.ts";
import { createUpdate } from "../../../services/policy/src/engine/update.ts";
import type { AskedRequest, Document } from "./dry-run-cases.ts";

/** What becomes of a request, in the words of both sides. */
export interface Outcome {
  /** "invalid", "no-route", "allowed", "denied", "limited", "ask". */
  readonly decision: string;
  /** Policies that decided so, where a policy did; sorted. */
  readonly policies: readonly string[];
  /** "HTTPRoute default/users#0"; empty: none. */
  readonly route: string;
  /** "authority weight" of the rule's backends. */
  readonly backends: readonly string[];
  /** The path that the program gets; empty: none does. */
  readonly path: string;
  /** "policy limit key" of limits that count it; known where nothing denies it. */
  readonly limits: readonly string[];
}

const parse = createParser(KINDS);
const parsed = new Map<string, ReturnType<typeof parse>["resources"]>();

/** Documents that the policy service would refuse are left out, as it leaves them out. */
function indexOf(folder: readonly Document[], defaultAction: DefaultAction): PolicyIndex {
  const index = createPolicyIndex(defaultAction);
  index.replace(
    folder.flatMap(({ kind, namespace, spec }, at) => {
      const apiVersion = KINDS.find((each) => each.kind === kind)?.apiVersion ?? API_VERSION;
      const resource = { apiVersion, kind, metadata: { name: `p${at}`, namespace }, spec };
      const text = JSON.stringify(resource);
      const found = parsed.get(text) ?? parse("a.yaml", text).resources;
      parsed.set(text, found);
      return found;
    }),
  );
  return index;
}

/** The policy service's dry run and the proxies of one mesh, on the same resources. Its clock stands still. */
export function createWorld(folder: readonly Document[], defaultAction: DefaultAction) {
  const index = indexOf(folder, defaultAction);
  const servers = new Map<string, Server>();
  const serverOf = (workload: Workload): Server => {
    const name = `${workload.namespace}/${workload.name}`;
    const server = servers.get(name) ?? createServer(index, workload);
    servers.set(name, server);
    return server;
  };
  const inspector = {
    limits: async (service: string, request: DescribedRequest) => {
      const [namespace = "", name = ""] = service.split("/");
      return serverOf({ namespace, name }).inspect(request);
    },
  };
  const explain = createExplain({ policyIndex: index, inspector });
  return {
    explain: (request: AskedRequest) => explained(explain, request),
    send: (request: AskedRequest) => sent({ index, serverOf }, request),
  };
}

async function explained(explain: ReturnType<typeof createExplain>, request: AskedRequest): Promise<Outcome> {
  try {
    return outcomeOf(await explain(create(ExplainRequestSchema, { ...request })));
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.InvalidArgument) return INVALID;
    throw error;
  }
}

const DECISIONS: ReadonlyMap<RequestDecision, string> = new Map([
  [RequestDecision.ALLOWED, "allowed"],
  [RequestDecision.DENIED, "denied"],
  [RequestDecision.LIMITED, "limited"],
  [RequestDecision.NO_ROUTE, "no-route"],
  [RequestDecision.ASK, "ask"],
]);

function outcomeOf({ decision, why, route, limits, path }: ExplainResponse): Outcome {
  const nowhere = decision === RequestDecision.NO_ROUTE || why.startsWith("it leaves the mesh");
  const [, policy = "default"] = /^(\S+Policy \S+) /.exec(why) ?? [];
  const ambiguous = why.includes("read this path differently");
  return {
    decision: DECISIONS.get(decision) ?? "",
    policies: ambiguous ? ["ambiguous path"] : nowhere ? [] : [policy],
    route: route?.ref ? `${policyName(route.ref)}#${route.rule}` : "",
    backends: (route?.backends ?? []).map(({ authority, weight }) => `${authority} ${weight}`),
    path: nowhere ? "" : path,
    limits: limits
      .filter(({ matched }) => matched)
      .map(({ ref, limit, key }) => `${policyName(ref)} ${limit} ${key.join(",")}`)
      .sort(),
  };
}

const INVALID: Outcome = { decision: "invalid", policies: [], route: "", backends: [], path: "", limits: [] };

interface Mesh {
  readonly index: PolicyIndex;
  readonly serverOf: (workload: Workload) => Server;
}

/** As the proxies do it: the caller's parses the head and routes, that of each backend parses what arrives and decides. */
function sent({ index, serverOf }: Mesh, request: AskedRequest): Outcome {
  const identity = readIdentity(request.source) ?? "";
  const { namespace: own, service } = identityOf(identity);
  const client: Workload = { namespace: own === "" ? "default" : own, name: service === "" ? "web" : service };
  const head = readHead(request);
  const authority = head && tryParseAuthority(head.authority, client.namespace);
  if (head === undefined || authority === undefined) return INVALID;
  const host = authority.service && serviceHost(authority.service);
  const snapshot = composeSnapshot(index, { workload: client, hosts: new Set(host ? [host] : []), namePolicies: true });
  const rules = put(snapshot);
  const outbound = host === undefined ? undefined : rules.snapshot.outbound.find(({ target }) => target === host);
  const source = { identity: "", namespace: client.namespace, service: client.name, address: "" };
  const ruling = outbound && compileTargetRules(outbound, source)?.rule(authority, head);
  if (ruling === "unmatched") return { ...INVALID, decision: "no-route" };
  const rule = ruling?.rule.rule;
  const route = rule === undefined ? "" : `${policyName(rule.ref)}#${rule.index}`;
  const drawn = ruling === undefined ? [""] : draw((random) => backendFor(ruling.rule, random), rule?.backends ?? []);
  const backends = (rule?.backends ?? []).map(({ authority: to, weight }) => `${to} ${weight}`);
  const seen = { ...INVALID, route, backends };
  if (drawn.length === 0) return { ...seen, decision: "no-route" };
  const sentHead = ruling === undefined ? head : routedHead(head, ruling.rule, ruling.path);
  const leads = drawn.map((to) => (to === "" ? authority : tryParseAuthority(to, client.namespace)));
  const workloads = leads.flatMap((each) => each?.service ?? []);
  const answers = workloads.map((workload) => serverOf(workload).receive(sentHead, identity));
  return worst(seen, answers);
}

function readHead({ method, authority, path, headers }: AskedRequest): RequestHead | undefined {
  const raw = [":method", method, ":authority", authority, ":path", path, ...Object.entries(headers).flat()];
  const { head, fault } = readHttp2Request(raw, { ended: true, authority: "", maxBytes: 65_536 });
  return fault === undefined ? normalizeHead(head, "outbound") : undefined;
}

/** Each backend that some number leads to. */
function draw(pick: (random: number) => string | undefined, backends: readonly { weight: number }[]): string[] {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  const numbers = Array.from({ length: Math.max(1, total) }, (_, at) => (at + 0.5) / Math.max(1, total));
  return [...new Set(numbers.flatMap((number) => pick(number) ?? []))];
}

const ORDER = ["denied", "limited", "ask", "allowed"];

function worst(seen: Outcome, answers: readonly Answer[]): Outcome {
  const at = Math.min(...answers.map(({ decision }) => ORDER.indexOf(decision)));
  const decision = ORDER[at] ?? "allowed";
  const policies = answers.filter((each) => each.decision === decision).map(({ policy }) => policy);
  return {
    ...seen,
    decision,
    policies: [...new Set(policies)].sort(),
    path: answers[0]?.path ?? "",
    limits: [...new Set(answers.flatMap(({ limits }) => limits))].sort(),
  };
}

function put(snapshot: Snapshot) {
  const bytes = toBinary(SnapshotSchema, createUpdate(snapshot).message().snapshot ?? create(SnapshotSchema));
  return compileSnapshot(fromBinary(SnapshotSchema, bytes), { otherwise: "allow" });
}

/** The context of a call by the policy service. */
const CORE = coreContext();

function coreContext(): HandlerContext {
  const values = createContextValues();
  const prove = authInterceptor(() => ({ kind: "core", namespace: "", name: "policy", instance: "", expiresAt: 0 }));
  const call = { contextValues: values, header: new Headers({ authorization: "Bearer token" }) };
  void prove(() => Promise.reject(new Error("nothing is called")))(call as never).catch(() => undefined);
  return { values } as HandlerContext;
}

interface Answer {
  readonly decision: string;
  readonly policy: string;
  readonly limits: readonly string[];
  readonly path: string;
}

type Server = ReturnType<typeof createServer>;

/** The proxy of one workload, as far as it decides. Plugins consent. */
function createServer(index: PolicyIndex, workload: Workload) {
  const rules = put(composeSnapshot(index, { workload, hosts: new Set(), namePolicies: true }));
  const target = { namespace: workload.namespace, service: workload.name };
  const limiter = createLimiter({ now: () => 0, ask: () => Promise.reject(new Error("no plugin")) });
  let charged: readonly MatchedLimit[] = [];
  let allowedBy = "default";
  let asked = false;
  const guard = createPolicyGuard({
    source: { rules: () => rules, unenforceable: () => "", settled: () => true, ready: () => Promise.resolve() },
    target,
    defaultAuthorization: "allow",
    consents: {
      all() {
        asked = true;
        return undefined;
      },
      forget: () => undefined,
    },
    limiter: {
      ...limiter,
      take(matched, onOpen) {
        charged = matched;
        return limiter.take(matched, onOpen);
      },
    },
    counts: {
      add: (policy, _source, verdict) => {
        if (verdict === Verdict.ALLOWED) allowedBy = policy;
      },
      overflowed: () => 0,
      pending: () => false,
      take: () => ({}),
    },
    audit: { note: () => undefined },
  });
  const inspect = createInspect({ rules: () => rules, limiter, states: () => [], target, instance: "one" });
  return {
    inspect(request: DescribedRequest): readonly LimitState[] {
      const { limits = [] } = inspect(create(InspectRequestSchema, { request }), CORE);
      return limits.map((each) => create(LimitStateSchema, each));
    },
    receive(head: RequestHead, identity: string): Answer {
      charged = [];
      allowedBy = "default";
      asked = false;
      const raw = http2RequestFields(head);
      const arrived = normalizeHead(
        readHttp2Request(raw, { ended: true, authority: "", maxBytes: 65_536 }).head,
        "inbound",
      );
      const { namespace, service } = identityOf(identity);
      const name = identity === "" ? "unknown" : workloadName({ namespace, name: service });
      const refusal = guard.request(arrived, { name, identity, address: "" }, 1);
      if (refusal instanceof Promise) throw new Error("somebody was asked");
      const { path } = arrived;
      if (refusal === undefined) {
        const limits = charged.map(
          ({ policy, limit, key }) => `${policyName(policy.ref)} ${limit.name} ${key.join(",")}`,
        );
        return { decision: asked ? "ask" : "allowed", policy: allowedBy, limits, path };
      }
      const { code } = refusal.answer;
      const policy = code === "ambiguous-path" ? "ambiguous path" : refusal.policy;
      return { decision: code === "rate-limited" ? "limited" : "denied", policy, limits: [], path };
    },
  };
}
