import { MatchType, type PathMatch, type RouteMatch } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { PolicyResource } from "./resource.ts";

/**
 * Which of two matches is asked first, negative for the first. As Gateway API orders HTTPRoutes: an exact path, then the longest
 * prefix, a method, more headers, more query parameters. Beyond it: those for gRPC alone before all others, and regular
 * expressions between exact paths and prefixes. 0: the older route, then the name, then the order within the route decide.
 */
export function compareMatches(a: RouteMatch, b: RouteMatch): number {
  return firstDifference([
    Number(b.grpc) - Number(a.grpc),
    comparePaths(a.path, b.path),
    Number(b.method !== "") - Number(a.method !== ""),
    b.headers.length - a.headers.length,
    b.queryParams.length - a.queryParams.length,
  ]);
}

const RANKS: ReadonlyMap<MatchType, number> = new Map([
  [MatchType.EXACT, 3],
  [MatchType.REGULAR_EXPRESSION, 2],
  [MatchType.PATH_PREFIX, 1],
]);

function comparePaths(a: PathMatch | undefined, b: PathMatch | undefined): number {
  const byType = rank(b) - rank(a);
  if (byType !== 0 || a?.type !== MatchType.PATH_PREFIX) return byType;
  return (b?.value.length ?? 0) - a.value.length;
}

function rank(path: PathMatch | undefined): number {
  return path ? (RANKS.get(path.type) ?? 0) : 0;
}

/** The older resource first, then by "namespace/name", then by kind. A resource without a time counts as the newest. */
export function compareResources(a: PolicyResource, b: PolicyResource): number {
  const since = createdAt(a) - createdAt(b);
  if (since !== 0 && !Number.isNaN(since)) return since;
  return compareNames(a, b);
}

/** By "namespace/name", then by kind. */
export function compareNames(a: PolicyResource, b: PolicyResource): number {
  return firstDifference([
    compareTexts(a.metadata.namespace, b.metadata.namespace),
    compareTexts(a.metadata.name, b.metadata.name),
    compareTexts(a.kind, b.kind),
  ]);
}

function firstDifference(differences: readonly number[]): number {
  return differences.find((difference) => difference !== 0) ?? 0;
}

function createdAt({ metadata: { creationTimestamp } }: PolicyResource): number {
  const time = Date.parse(creationTimestamp ?? "");
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

/** Independent of the locale. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
