import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { HOOK_KINDS } from "@patchbay/model";
import type { LeaseResponseSchema } from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import { checkLease } from "../model/decision-check.ts";
import { policyName, secondsText } from "../model/decision-text.ts";
import type { Lease } from "../public/decision.ts";
import type { RatelimitRequest } from "../public/plugin.ts";
import { decisionSpec } from "./decision-spec.ts";

/** The hook `ratelimit`. */
export const ratelimit = decisionSpec({
  kind: HOOK_KINDS.ratelimit,
  read({ policy, limit, key, requests, per, burst, holder, wanted, unspent }): RatelimitRequest {
    const perMs = per ? durationMs(per) : 1_000;
    return {
      policy: policyName(policy),
      limit,
      key,
      requests,
      perMs,
      burst,
      holder,
      wanted: Math.max(1, wanted),
      unspent,
    };
  },
  write: toLeaseResponse,
  check: (value, source, { wanted }) => checkLease(value, source, wanted),
  fill: fillRatelimit,
  describe: (request, lease) => `${describeLimit(request)}: ${describeLease(request, lease)}`,
});

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

function describeLimit({ policy, limit, key, holder }: RatelimitRequest): string {
  const bucket = key.length > 0 ? ` [${key.join(", ")}]` : "";
  return `${policy} ${limit}${bucket} for ${holder}`;
}

function describeLease({ wanted, unspent }: RatelimitRequest, lease: Lease): string {
  const back = unspent > 0 ? `, ${unspent} given back` : "";
  if (lease.kind === "refuse") return `refused for ${secondsText(lease.retryAfterMs ?? 1_000)}${back}`;
  const time = lease.validForMs === undefined ? "now" : `for ${secondsText(lease.validForMs)}`;
  return `${lease.requests} of ${wanted} ${time}${back}`;
}

/** A proxy's whole question from what a test cares about. */
function fillRatelimit(given: Partial<RatelimitRequest> = {}): RatelimitRequest {
  const { requests = 10 } = given;
  return {
    policy: "default/test",
    limit: "limit",
    key: [],
    perMs: 1_000,
    burst: requests,
    holder: "default/web/web-1",
    wanted: 1,
    unspent: 0,
    ...given,
    requests,
  };
}
