import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type {
  AuthorizeRequest as AuthorizeMessage,
  AuthorizeResponseSchema,
} from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import type { LeaseRequest, LeaseResponseSchema } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import type { Decision, Lease } from "../public/decision.ts";
import type { AuthorizeRequest, RatelimitRequest } from "../public/plugin.ts";
import { readCaller, readService } from "./caller.ts";

/** A request as an authorizer sees it. */
export function readAuthorize(message: AuthorizeMessage): AuthorizeRequest {
  const { sourceIdentity, target, method, path, headers, policy } = message;
  return { source: readCaller(sourceIdentity), target: readService(target), method, path, headers, policy };
}

/** A proxy's question as a rate limiter sees it. */
export function readRatelimit(message: LeaseRequest): RatelimitRequest {
  const { policy, limit, key, requests, per, burst, holder, wanted, unspent } = message;
  const perMs = per ? durationMs(per) : 1_000;
  return { policy, limit, key, requests, perMs, burst, holder, wanted: Math.max(1, wanted), unspent };
}

/** The decision as the contract's message. */
export function toAuthorizeResponse(decision: Decision): MessageInitShape<typeof AuthorizeResponseSchema> {
  const { ttlMs, vary = [] } = decision;
  const reuse = { vary: [...vary], ...(ttlMs !== undefined && { ttl: durationFromMs(Math.floor(ttlMs)) }) };
  if (decision.kind === "allow") return { decision: { case: "allow", value: {} }, ...reuse };
  return { decision: { case: "deny", value: { reason: decision.reason, status: decision.status } }, ...reuse };
}

/** The lease as the contract's message. */
export function toLeaseResponse(lease: Lease): MessageInitShape<typeof LeaseResponseSchema> {
  if (lease.kind === "refuse") {
    return {
      granted: 0,
      ...(lease.retryAfterMs !== undefined && { retryAfter: durationFromMs(Math.ceil(lease.retryAfterMs)) }),
    };
  }
  const { requests, validForMs } = lease;
  return {
    granted: requests,
    ...(validForMs !== undefined && { validFor: durationFromMs(Math.max(1, Math.floor(validForMs))) }),
  };
}
