import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeRequest, normalizePath, readIdentity, whyNoAuthority } from "@patchbay/model";
import { type LimitState, LimitStateSchema, type ProxyLimit } from "@patchbay/proto/mesh/common/v1/limit_pb";
import { DescribedRequestSchema } from "@patchbay/proto/mesh/common/v1/request_pb";
import {
  type ExplainRequest,
  type ExplainResponse,
  ExplainResponseSchema,
  PolicyDecisionSchema,
  RequestDecision,
} from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { AuthorizationAction } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { headerMap, isHeaderName, policyName } from "@patchbay/rules";
import { clientNamespace, type DryRunRequest, type ServerView, viewRoute, viewServer } from "../core/dry-run.ts";
import { readAuthority } from "../core/names.ts";
import type { PolicyIndex } from "../core/policy-index.ts";
import type { ProxyLimitsClient } from "../sources/proxy-limits-client.ts";

export interface ExplainOptions {
  readonly policyIndex: PolicyIndex;
  readonly inspector: ProxyLimitsClient;
}

const MAX_PATH = 8_192;
/** Empty: "/". A proxy refuses everything else (RFC 9112 §3.2). */
const PATH = /^(?:|\*|\/[\x21\x22\x24-\x7e]*)$/;
const MAX_HEADERS = 100;

/** What would happen to a request, and why. */
export function createExplain({ policyIndex, inspector }: ExplainOptions) {
  return async (asked: ExplainRequest): Promise<ExplainResponse> => {
    const request = readRequest(asked);
    const { service, host } = request.asked;
    const route = viewRoute(policyIndex, request);
    const views = route.servers.map((server) => viewServer(policyIndex, route.sent, server));
    const limits = await Promise.all(views.map((view) => limitStates(view, { request: route.sent, inspector })));
    const { decision, why } =
      route.nowhere === ""
        ? verdict(views.map((view, index) => serverVerdict(view, limits[index] ?? [])))
        : { decision: "no-route" as const, why: route.nowhere };
    return create(ExplainResponseSchema, {
      path: normalizePath(request.path).path,
      sourceIdentity: request.identity,
      target: service ? `${service.namespace}/${service.name}` : host,
      route: route.decision,
      policies: once(
        views.flatMap(({ policies }) => policies.map((each) => create(PolicyDecisionSchema, each))),
        ({ ref, why: text }) => `${policyName(ref)} ${text}`,
      ),
      limits: once(limits.flat(), ({ ref, limit, key }) => `${policyName(ref)} ${limit} ${key.join("\0")}`),
      decision: DECISIONS[decision],
      why,
    });
  };
}

/** @throws ConnectError INVALID_ARGUMENT */
function readRequest({ method, authority, path, headers, source }: ExplainRequest): DryRunRequest {
  const identity = readIdentity(source);
  if (identity === undefined) throw invalid("source", source, '"web", "web.staging" or a SPIFFE ID');
  const asked = readAuthority(authority, clientNamespace(identity));
  if (asked === undefined) throw new ConnectError(whyNoAuthority(authority) ?? "", Code.InvalidArgument);
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,31}$/.test(method)) throw invalid("method", method, "such as GET");
  if (path.length > MAX_PATH || !PATH.test(path))
    throw invalid("path", path, "printable ASCII without a fragment, such as /cart?id=1");
  const names = Object.keys(headers);
  const wrong = names.find((name) => !isHeaderName(name.toLowerCase()));
  if (wrong !== undefined) throw invalid("headers", wrong, "names as in x-tenant");
  if (names.length > MAX_HEADERS) throw invalid("headers", `${names.length} names`, `at most ${MAX_HEADERS}`);
  const described = describeRequest({
    method: method.toUpperCase(),
    path: path === "" ? "/" : path,
    authority,
    headers,
  });
  return { ...described, asked, identity };
}

function invalid(field: string, value: string, hint: string): ConnectError {
  return new ConnectError(`${field} ${JSON.stringify(value.slice(0, 80))} is not valid; ${hint}`, Code.InvalidArgument);
}

interface LimitQuery {
  readonly request: DryRunRequest;
  readonly inspector: ProxyLimitsClient;
}

/** The limits with the states of their buckets at the service's proxies. */
async function limitStates({ server, limits }: ServerView, { request, inspector }: LimitQuery): Promise<LimitState[]> {
  const states = limits.map((each) => create(LimitStateSchema, each));
  if (!states.some(({ matched }) => matched)) return states;
  const { method, path, authority, headers, identity } = request;
  const fields = Object.fromEntries(headerMap(headers));
  const question = create(DescribedRequestSchema, { method, path, authority, headers: fields, source: identity });
  const found = await inspector.limits(`${server.namespace}/${server.name}`, question);
  for (const state of states) {
    const said = found.filter(({ ref, limit }) => policyName(ref) === policyName(state.ref) && limit === state.limit);
    state.proxies = said.flatMap(({ proxies }) => proxies);
  }
  return states;
}

const DECISIONS = {
  allowed: RequestDecision.ALLOWED,
  denied: RequestDecision.DENIED,
  limited: RequestDecision.LIMITED,
  "no-route": RequestDecision.NO_ROUTE,
  ask: RequestDecision.ASK,
} as const;

interface Verdict {
  readonly decision: Exclude<keyof typeof DECISIONS, "no-route">;
  readonly why: string;
}

function serverVerdict({ server, decision, policies }: ServerView, limits: readonly LimitState[]): Verdict {
  const name = `${server.namespace}/${server.name}`;
  if (decision === "ambiguous")
    return { decision: "denied", why: `${name} has policies about paths, and servers read this path differently: 400` };
  if (decision.verdict === "deny") return { decision: "denied", why: whyDenied(decision.policy, { name, policies }) };
  const spent = limits.filter(
    ({ matched, proxies }) => matched && proxies.length > 0 && proxies.every(({ left }) => left < 1),
  );
  const full = spent.find(({ proxies }) => !proxies.every(isWithoutLease));
  if (full)
    return {
      decision: "limited",
      why: `${policyName(full.ref)} limit ${full.limit} is used up at every proxy of ${name}`,
    };
  if (decision.verdict === "ask") {
    const plugins = decision.ask.map(({ plugin }) => plugin?.name ?? "").join(", ");
    return { decision: "ask", why: `${decision.policy} leaves it to plugin ${plugins}` };
  }
  const [leased] = spent;
  if (leased) return { decision: "ask", why: `${policyName(leased.ref)} limit ${leased.limit} asks its plugin` };
  return { decision: "allowed", why: whyAllowed(name, decision.policy) };
}

/** A bucket holds at least one request; one without belongs to a plugin's limit, and the next request asks for a lease. */
function isWithoutLease({ size }: ProxyLimit): boolean {
  return size === 0;
}

function whyDenied(policy: string, { name, policies }: { name: string; policies: ServerView["policies"] }): string {
  if (policy !== "default") return `${policy} denies it`;
  if (policies.some(({ action }) => action === AuthorizationAction.ALLOW))
    return `${name} has policies that allow some requests, and this is none of them`;
  return `no policy of ${name} allows it, and the mesh's default is deny`;
}

function whyAllowed(server: string, policy: string): string {
  return policy === "default"
    ? `no policy of ${server} is about it, and the mesh's default is allow`
    : `${policy} allows it`;
}

/** The worst verdict of all backends, with the reasons of those that differ. */
function verdict(verdicts: readonly Verdict[]): Verdict {
  const order = ["denied", "limited", "ask", "allowed"];
  const [worst, ...others] = [...verdicts].sort((a, b) => order.indexOf(a.decision) - order.indexOf(b.decision));
  if (!worst) return { decision: "allowed", why: "it leaves the mesh, where no policy counts" };
  const differing = others.filter(({ decision }) => decision !== worst.decision);
  const also =
    differing.length === 0 ? "" : `; at other backends: ${[...new Set(differing.map(({ why }) => why))].join("; ")}`;
  return { decision: worst.decision, why: `${worst.why}${also}` };
}

function once<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
