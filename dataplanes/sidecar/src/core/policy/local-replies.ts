import { type HeaderList, POLICY_HEADER, printable, UNPROCESSED_HEADER } from "@patchbay/model";
import type { Peer, Refusal } from "./guard.ts";

/** gRPC's RESOURCE_EXHAUSTED; by its table of HTTP statuses 429 would be UNAVAILABLE, which clients try again at once. */
const RESOURCE_EXHAUSTED = 8;
/** The policy behind a decision that no policy took. */
export const DEFAULT_POLICY = "default";

export interface RefusalContext {
  /** "production/users", of this workload. */
  readonly target: string;
  /** Development: the answer says which policy decided. */
  readonly named: boolean;
}

/** A policy says no, or the default does because none said yes. */
export function denied(policy: string, peer: Peer, { target, named }: RefusalContext): Refusal {
  const why =
    policy === DEFAULT_POLICY
      ? "no policy allows it, and by default nothing is allowed"
      : named
        ? `${policy} says so`
        : "a policy says so";
  return refusal(
    { status: 403, code: "denied", text: `${who(peer)} may not make this request to ${target}: ${why}` },
    [...naming(policy, named)],
    policy,
  );
}

/** A plugin's text goes to the client, on one line. */
const MAX_REASON = 500;

/** A plugin says no. */
export function refusedByPlugin(
  policy: string,
  answer: { readonly reason: string; readonly status: number },
  { target, named }: RefusalContext,
): Refusal {
  const status = answer.status === 401 ? 401 : 403;
  const text = answer.reason === "" ? `this request to ${target} is refused` : printable(answer.reason, MAX_REASON);
  return refusal({ status, code: "denied", text }, naming(policy, named), policy);
}

/**
 * The plugin could not be asked, and its policy fails closed. 503 and not 403: there was no decision against the caller, which may
 * try again.
 */
export function undecided(policy: string, { target, named }: RefusalContext): Refusal {
  const text = `${target} cannot decide at this moment whether this request may pass: the plugin of ${named ? policy : "a policy"} does not answer`;
  return refusal({ status: 503, code: "policy-unavailable", text }, naming(policy, named), policy);
}

export function limited(policy: string, retryAfterMs: number, { target, named }: RefusalContext): Refusal {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const what = named ? `the limit of ${policy}` : "a limit";
  const answer = {
    status: 429,
    code: "rate-limited",
    text: `${what} for requests to ${target} is reached. Try again in ${seconds} s`,
    grpcStatus: RESOURCE_EXHAUSTED,
  };
  return refusal(answer, ["retry-after", String(seconds), ...naming(policy, named)], policy);
}

/** The rules say something that this proxy does not understand, and there were none before. */
export function unenforceable(reason: string, peer: Peer, target: string): Refusal {
  const text = `the sidecar of ${target} cannot enforce the policies in force: ${reason}. Is it of an older version? mesh policy status`;
  // Another replica's sidecar may be able to; only an authenticated peer may retry because of it.
  const extra = peer.identity === "" ? [] : [UNPROCESSED_HEADER, "1"];
  return refusal({ status: 503, code: "policy-unknown", text }, extra, DEFAULT_POLICY);
}

export function ambiguousPath(target: string): Refusal {
  const text = `the path can be read in more than one way (an encoded slash, backslash or zero), and policies of ${target} decide by paths`;
  return refusal({ status: 400, code: "ambiguous-path", text }, [], DEFAULT_POLICY);
}

function refusal(answer: Refusal["answer"], extra: HeaderList, policy: string): Refusal {
  return { answer, extra, policy };
}

function naming(policy: string, named: boolean): HeaderList {
  return named ? [POLICY_HEADER, policy] : [];
}

function who({ name, identity }: Peer): string {
  return identity === "" ? "a caller without proof of who it is" : name;
}
