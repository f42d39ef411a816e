import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  describeRequest,
  identityOf,
  preciseDuration,
  type RequestFacts,
  readIdentity,
  requestFacts,
  type TargetFacts,
} from "@patchbay/model";
import {
  type LimitState,
  LimitStateSchema,
  type ProxyLimit,
  ProxyLimitSchema,
} from "@patchbay/proto/mesh/common/v1/limit_pb";
import type { DescribedRequest } from "@patchbay/proto/mesh/common/v1/request_pb";
import { Admission, type InspectRequest, type InspectResponseSchema } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import type { MatchedLimit } from "@patchbay/rules";
import { requireKind } from "@patchbay/runtime";
import type { EndpointState } from "../core/balancing/balancer.ts";
import type { Limiter } from "../core/policy/limiter.ts";
import type { PolicyRules } from "../core/policy/policy-rules.ts";

export interface InspectOptions {
  readonly rules: () => PolicyRules | undefined;
  readonly limiter: Pick<Limiter, "state">;
  /** What the balancer thinks of an authority's endpoints. */
  readonly states: (authority: string) => readonly EndpointState[];
  readonly target: TargetFacts;
  readonly instance: string;
}

type Inspect = (request: InspectRequest, context: HandlerContext) => MessageInitShape<typeof InspectResponseSchema>;

/** mesh.proxy.v1.Proxy/Inspect: how limits and endpoints stand for one request, without spending or sending anything. */
export function createInspect({ rules, limiter, states, target, instance }: InspectOptions): Inspect {
  function limitsFor(facts: RequestFacts): LimitState[] {
    const inbound = rules()?.inbound;
    if (inbound === undefined) return [];
    const matched = new Map(inbound.limits.matching(facts).map((each) => [nameOf(each), each]));
    return inbound.limits.explain(facts).map((explained) => {
      const state = create(LimitStateSchema, explained);
      const each = matched.get(`${state.ref?.namespace}/${state.ref?.name}/${state.limit}`);
      if (each !== undefined) state.proxies = [stateOf(each)];
      return state;
    });
  }

  function stateOf(each: MatchedLimit): ProxyLimit {
    const { left, size, expiresInMs } = limiter.state(each);
    const state = create(ProxyLimitSchema, { instance, left, size });
    if (expiresInMs !== undefined) state.expires = timestampFromMs(Date.now() + expiresInMs);
    return state;
  }

  return ({ request }, context) => {
    requireKind(context, "core");
    return {
      policyVersion: rules()?.snapshot.version ?? "",
      limits: request === undefined ? [] : limitsFor(factsOf(request, target)),
      endpoints: request === undefined ? [] : states(request.authority).map(endpointState),
    };
  };
}

const ADMISSIONS = {
  admitted: Admission.ADMITTED,
  ejected: Admission.EJECTED,
  probing: Admission.PROBING,
} as const satisfies Record<EndpointState["state"], Admission>;

function endpointState({ endpoint: { address, port }, backend, state, outstanding, latencyMs }: EndpointState) {
  const latency = preciseDuration(latencyMs);
  return { address, port, backend, admission: ADMISSIONS[state], outstanding, latency };
}

function nameOf({ policy: { ref }, limit }: MatchedLimit): string {
  return `${ref?.namespace}/${ref?.name}/${limit.name}`;
}

/** As a request with a proof of this name would be seen. */
function factsOf(request: DescribedRequest, target: TargetFacts): RequestFacts {
  const source = { ...identityOf(readIdentity(request.source) ?? ""), address: "" };
  return requestFacts(describeRequest(request), { version: 1, source, target, direction: "inbound" });
}
