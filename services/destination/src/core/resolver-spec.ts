import type { Authority } from "@patchbay/model";
import type { Endpoint } from "@patchbay/proto/mesh/common/v1/endpoint_pb";

/** The properties of a resolver that the chain uses. */
export interface ResolverSpec {
  /** Unique, such as "workloads" or "plugin/legacy-hosts". */
  readonly name: string;
  /** Smaller comes first; equal orders break by name. */
  readonly order: number;
  /** A failure counts as "not mine" instead of stopping the chain. */
  readonly failOpen: boolean;
  /** Time to the first answer in milliseconds; may be Infinity. */
  readonly deadlineMs: number;
  /** How long the last answer outlives a break, in milliseconds. */
  readonly staleForMs: number;
  /** The answer depends on the client context. */
  readonly usesContext: boolean;
  /**
   * Why the resolver is not asked for an authority; undefined: it is. `led`: a rewrite or split led there, so the proxy
   * will not resolve the name itself.
   */
  skips(authority: Authority, led: boolean): string | undefined;
  /** Why a rewrite or split of this resolver may not lead to endpoints from outside; undefined: it may. */
  vet?(endpoints: readonly Endpoint[]): string | undefined;
  /** Its endpoints come from outside (DNS), so every resolver that led to it vets them. */
  readonly outside?: boolean;
}

/** The order in which answers count. */
export function sortResolvers<Spec extends Pick<ResolverSpec, "order" | "name">>(
  resolvers: readonly Spec[],
): readonly Spec[] {
  return [...resolvers].sort((a, b) => (a.order === b.order ? (a.name < b.name ? -1 : 1) : a.order - b.order));
}
