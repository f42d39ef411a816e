import { type ServiceRef, serviceKey, tryParseAuthority } from "@patchbay/model";
import type { CompiledPolicy, Known, Surroundings } from "../policy-kind.ts";
import { isUnknownService, missingTargets, nameText } from "../warnings.ts";
import type { CompiledRoute } from "./route.ts";

/** What of a route is most likely not meant. */
export function warnOfRoute(compiled: CompiledPolicy, { known }: Surroundings): readonly string[] {
  const { route } = compiled.part;
  if (!route) return [];
  const { namespace } = compiled.ref;
  return [
    ...missingTargets(compiled, known),
    ...missingBackends(route, compiled.outbound, known),
    ...foreignParents(route, namespace),
    ...foreignBackends(route, namespace),
  ];
}

/** A canary that has not been started yet still gets its share of requests. */
function missingBackends({ rules }: CompiledRoute, outbound: readonly string[], known: Known): readonly string[] {
  const backends = rules.flatMap(({ rule }) => rule.backends).filter(({ weight }) => weight > 0);
  return [...new Set(backends.flatMap(serviceOf).map(serviceKey))]
    .filter((key) => !outbound.includes(key) && isUnknownService(key, known))
    .map((key) => `nobody serves its backend ${nameText(key)} at the moment, so requests for it fail`);
}

/** A route applies to clients in its namespace, or to all clients of a service in its namespace. */
function foreignParents({ parents }: CompiledRoute, own: string): readonly string[] {
  const foreign = parents.filter(({ service }) => !service.startsWith(`${own}/`));
  return [
    ...new Set(foreign.map(({ service }) => `only clients in namespace ${own} apply it to ${nameText(service)}`)),
  ];
}

function foreignBackends({ rules }: CompiledRoute, own: string): readonly string[] {
  const backends = rules.flatMap(({ rule }) => [...rule.backends, ...rule.mirrors]);
  const namespaces = backends.flatMap(serviceOf).flatMap(({ namespace }) => (namespace === own ? [] : namespace));
  return [...new Set(namespaces)].map(
    (name) => `its backends in namespace ${name} would need a ReferenceGrant there on a cluster`,
  );
}

function serviceOf({ authority }: { readonly authority: string }): readonly ServiceRef[] {
  const service = tryParseAuthority(authority)?.service;
  return service ? [service] : [];
}
