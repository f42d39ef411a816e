import { create } from "@bufbuild/protobuf";
import { type Endpoint, EndpointSchema } from "@patchbay/proto/mesh/common/v1/endpoint_pb";

/**
 * The form in which equal sets of endpoints are equal bytes: sorted by address and port, labels sorted by key, each address
 * once (the first one counts).
 */
export function canonicalEndpoints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const byAddress = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const key = `${endpoint.address}|${endpoint.port}`;
    if (!byAddress.has(key)) byAddress.set(key, canonicalEndpoint(endpoint));
  }
  return [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

function canonicalEndpoint(endpoint: Endpoint): Endpoint {
  const { address, port, zone, labels, protocol, identity } = endpoint;
  const sorted = Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return create(EndpointSchema, {
    address,
    port,
    weight: Math.max(1, endpoint.weight),
    zone,
    labels: sorted,
    protocol,
    identity,
  });
}
