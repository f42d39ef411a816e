import type { Authority } from "@patchbay/model";
import type { Endpoint } from "@patchbay/proto/mesh/common/v1/endpoint_pb";

/** What the chain has to know of a link. */
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
  /** The answer depends on who asks. */
  readonly usesContext: boolean;
  /**
   * Why the link is not asked for an authority; undefined: it is. `led` tells that a rewrite or split led there, so that
   * nobody else will resolve the name.
   */
  skips(authority: Authority, led: boolean): string | undefined;
  /** Why endpoints that outsiders named lie outside of what this link may lead to; undefined: they do not. */
  vet?(endpoints: readonly Endpoint[]): string | undefined;
  /** Its endpoints come from outside (DNS), so every link that led to it vets them. */
  readonly outside?: boolean;
}

/** The order in which answers count. */
export function sortResolvers<Spec extends Pick<ResolverSpec, "order" | "name">>(
  links: readonly Spec[],
): readonly Spec[] {
  return [...links].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
}
