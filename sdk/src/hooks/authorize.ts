import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { HOOK_KINDS, identityOf, parseServiceKey, spiffeId } from "@patchbay/model";
import type { AuthorizeResponseSchema } from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import { checkDecision } from "../model/decision-check.ts";
import { meshName, policyName, secondsText } from "../model/decision-text.ts";
import type { Decision } from "../public/decision.ts";
import type { AuthorizeRequest, Caller, ServiceName } from "../public/plugin.ts";
import type { TestRequest } from "../public/test-kit.ts";
import { decisionSpec } from "./decision-spec.ts";

/** The hook `authorize`. */
export const authorize = decisionSpec({
  kind: HOOK_KINDS.authorize,
  read({ policy, request }): AuthorizeRequest {
    const { sourceIdentity = "", target = "", method = "", path = "", headers = {} } = request ?? {};
    const source = identityOf(sourceIdentity);
    return { source, target: readService(target), method, path, headers, policy: policyName(policy) };
  },
  write: toAuthorizeResponse,
  check: (value, source) => checkDecision(value, source),
  fill: fillAuthorize,
  describe: (request, decision) => `${describeRequest(request)}: ${describeDecision(decision)}`,
});

/** The decision as the contract's message. */
export function toAuthorizeResponse(decision: Decision): MessageInitShape<typeof AuthorizeResponseSchema> {
  const { ttlMs, vary = [] } = decision;
  const reuse = { vary: [...vary], ...(ttlMs !== undefined && { ttl: durationFromMs(Math.floor(ttlMs)) }) };
  if (decision.kind === "allow") return { decision: { case: "allow", value: {} }, ...reuse };
  return { decision: { case: "deny", value: { reason: decision.reason, status: decision.status } }, ...reuse };
}

function describeRequest({ source, target, method, path }: AuthorizeRequest): string {
  const caller = source.service !== "" ? meshName(source) : source.identity === "" ? "nobody proven" : source.identity;
  return `${caller} -> ${meshName(target)} ${method} ${path}`;
}

function describeDecision(decision: Decision): string {
  const { ttlMs, vary = [] } = decision;
  const reason = decision.kind === "deny" && decision.reason !== "" ? ` ${JSON.stringify(decision.reason)}` : "";
  const effect = decision.kind === "deny" ? `deny ${decision.status}${reason}` : "allow";
  return ttlMs === undefined ? effect : `${effect}, for ${secondsText(ttlMs)} by ${vary.join(", ")}`;
}

/** A whole request from what a test cares about. */
function fillAuthorize({ source = "web", target = "users", ...given }: TestRequest = {}): AuthorizeRequest {
  return {
    method: "GET",
    path: "/",
    headers: {},
    policy: "default/test",
    ...given,
    source: caller(source),
    target: readService(target),
  };
}

function caller(text: string): Caller {
  if (text === "" || text.startsWith("spiffe://")) return identityOf(text);
  const { namespace, service } = readService(text);
  return identityOf(spiffeId({ namespace, name: service }));
}

/** A service by "namespace/name"; one without a namespace is in "default". */
function readService(text: string): ServiceName {
  const { namespace, name } = parseServiceKey(text);
  return { namespace, service: name };
}
