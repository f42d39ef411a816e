import type { SourceFacts } from "@patchbay/model";
import type { Source } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { compileGlob } from "../match/glob.ts";
import { allOf, type Condition, oneOf } from "./condition.ts";

/**
 * What a rule does when it matches: `permits` or `restricts`. What is ambiguous is decided so that less passes.
 */
export type Effect = "permits" | "restricts";

/** Matches the caller. One without a proven identity is in no list, and a permission by exclusion ("not staging") leaves it out. */
export function compileSource(source: Source, effect: Effect): Condition<SourceFacts> {
  const { identities, notIdentities, namespaces, notNamespaces } = source;
  const conditions: Condition<SourceFacts>[] = [];
  const proof = identities.length > 0 || namespaces.length > 0;
  const exclusion = notIdentities.length > 0 || notNamespaces.length > 0;
  if (proof || (exclusion && effect === "permits")) conditions.push(proven);
  if (identities.length > 0) conditions.push(identityIn(identities));
  if (namespaces.length > 0) conditions.push(namespaceIn(namespaces));
  if (notIdentities.length > 0)
    conditions.push(
      not(identityIn(notIdentities), ({ identity }) => `source.identity is ${identity}, which is left out`),
    );
  if (notNamespaces.length > 0)
    conditions.push(
      not(namespaceIn(notNamespaces), ({ namespace }) => `source.namespace is ${namespace}, which is left out`),
    );
  return allOf(conditions);
}

const proven: Condition<SourceFacts> = {
  holds: ({ identity }) => identity !== "",
  why: () => "source.identity is not proven",
};

function identityIn(patterns: readonly string[]): Condition<SourceFacts> {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes("*")));
  const globs = patterns.filter((pattern) => pattern.includes("*")).map(compileGlob);
  return {
    holds: ({ identity }) => identity !== "" && (exact.has(identity) || globs.some((glob) => glob(identity))),
    why: ({ identity }) => `source.identity is ${identity}, not ${oneOf(patterns)}`,
  };
}

function namespaceIn(names: readonly string[]): Condition<SourceFacts> {
  const known = new Set(names);
  return {
    holds: ({ namespace }) => namespace !== "" && known.has(namespace),
    why: ({ namespace }) => `source.namespace is ${namespace === "" ? "not known" : namespace}, not ${oneOf(names)}`,
  };
}

function not<Facts>(condition: Condition<Facts>, why: (facts: Facts) => string): Condition<Facts> {
  return { holds: (facts) => !condition.holds(facts), why };
}
