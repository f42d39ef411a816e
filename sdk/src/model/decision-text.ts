import type { DecisionHook } from "@patchbay/model";
import type { Decision, Lease } from "../public/decision.ts";
import type { AuthorizeRequest, RatelimitRequest } from "../public/plugin.ts";
import type { Decided } from "./decision-hooks.ts";

/** A decision in one line: `authorize web -> users GET /cart: deny 403 "closed at night", for 30 s by path`. */
export function describeDecision<Hook extends DecisionHook>({ hook, question, answer }: Decided<Hook>): string {
  return `${hook} ${describers[hook](question, answer)}`;
}

type Describers = {
  readonly [Hook in DecisionHook]: (question: Decided<Hook>["question"], answer: Decided<Hook>["answer"]) => string;
};

const describers: Describers = {
  authorize: (request, decision) => `${describeRequest(request)}: ${describeVerdict(decision)}`,
  ratelimit: (request, lease) => `${describeLimit(request)}: ${describeLease(request, lease)}`,
};

function describeRequest({ source, target, method, path }: AuthorizeRequest): string {
  const caller = source.service ? nameOf(source) : source.identity || "nobody proven";
  return `${caller} -> ${nameOf(target)} ${method} ${path}`;
}

function describeVerdict(decision: Decision): string {
  const { ttlMs, vary = [] } = decision;
  const reason = decision.kind === "deny" && decision.reason ? ` ${JSON.stringify(decision.reason)}` : "";
  const verdict = decision.kind === "deny" ? `deny ${decision.status}${reason}` : "allow";
  return ttlMs === undefined ? verdict : `${verdict}, for ${seconds(ttlMs)} by ${vary.join(", ")}`;
}

function describeLimit({ policy, limit, key, holder }: RatelimitRequest): string {
  const bucket = key.length > 0 ? ` [${key.join(", ")}]` : "";
  return `${policy} ${limit}${bucket} for ${holder}`;
}

function describeLease({ wanted, unspent }: RatelimitRequest, lease: Lease): string {
  const back = unspent > 0 ? `, ${unspent} given back` : "";
  if (lease.kind === "refuse") return `refused for ${seconds(lease.retryAfterMs ?? 1_000)}${back}`;
  const time = lease.validForMs === undefined ? "now" : `for ${seconds(lease.validForMs)}`;
  return `${lease.requests} of ${wanted} ${time}${back}`;
}

/** The mesh's default namespace goes without saying. */
function nameOf({ namespace, service }: { readonly namespace: string; readonly service: string }): string {
  return namespace === "default" ? service : `${namespace}/${service}`;
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(1))} s`;
}
