import { Outcome, Protocol } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import type { ResolveResponse, Branch as WireBranch } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { WeightedEndpoint } from "../balancing/balancer.ts";
import { endpointKey } from "../report/endpoint-key.ts";
import type { EndpointProtocol } from "../types.ts";

export { Outcome };

/** What destination said about one authority. */
export interface Resolution {
  readonly branches: readonly Branch[];
  /** Some resolver had not answered: it only adds to what is known. */
  readonly incomplete: boolean;
}

export interface Branch {
  readonly weight: number;
  /** The canonical authority that the branch stands for. */
  readonly authority: string;
  readonly outcome: Outcome;
  readonly endpoints: readonly WeightedEndpoint[];
  readonly resolver: string;
  readonly reason: string;
}

export function resolutionOf(response: ResolveResponse): Resolution {
  return { branches: response.branches.map(branchOf), incomplete: response.incomplete };
}

function branchOf(branch: WireBranch): Branch {
  const endpoints = branch.endpoints
    .filter((endpoint) => endpoint.port >= 1 && endpoint.port <= 65_535 && endpoint.address !== "")
    .map((endpoint) => ({
      endpoint: {
        address: endpoint.address,
        port: endpoint.port,
        protocol: protocolOf(endpoint.protocol),
        identity: endpoint.identity,
      },
      weight: Math.max(1, endpoint.weight),
    }));
  const { weight, authority, outcome, resolver, reason } = branch;
  return { weight, authority, outcome, endpoints, resolver, reason };
}

function protocolOf(protocol: Protocol): EndpointProtocol {
  switch (protocol) {
    case Protocol.HTTP1:
      return "http1";
    case Protocol.HTTP2:
      return "http2";
    case Protocol.OPAQUE:
      return "opaque";
    default:
      return "any";
  }
}

/**
 * What is known after an update. A complete one replaces everything. An incomplete one adds endpoints to the branches that
 * are held, and takes nothing away: no endpoint, no branch, no share.
 */
export function mergeResolution(held: Resolution | undefined, update: Resolution): Resolution {
  if (held === undefined || !update.incomplete) return update;
  if (!hasEndpoints(held)) return hasEndpoints(update) || held.incomplete ? update : held;
  return { branches: held.branches.map((branch) => widen(branch, update)), incomplete: held.incomplete };
}

export function hasEndpoints(resolution: Resolution): boolean {
  return resolution.branches.some((branch) => branch.endpoints.length > 0);
}

function widen(branch: Branch, update: Resolution): Branch {
  const more = update.branches.find((candidate) => candidate.authority === branch.authority);
  if (more === undefined || more.endpoints.length === 0) return branch;
  const byKey = new Map(branch.endpoints.map((endpoint) => [endpointKey(endpoint.endpoint), endpoint]));
  for (const endpoint of more.endpoints) byKey.set(endpointKey(endpoint.endpoint), endpoint);
  return { ...branch, outcome: Outcome.ENDPOINTS, endpoints: [...byKey.values()] };
}
