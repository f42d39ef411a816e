import assert from "node:assert/strict";
import { it } from "node:test";
import { DefaultAction, type Outbound, type Snapshot } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { fileOrigin, type Resource } from "@patchbay/runtime";
import fc from "fast-check";
import { createPolicyIndex } from "../../src/core/policy-index.ts";
import { composeSnapshot, concerns, type SnapshotOptions } from "../../src/core/snapshot.ts";
import { createUpdate } from "../../src/engine/update.ts";
import { host } from "../support/resources.ts";

// A model of few words: it looks at every resource for every workload, and says what it finds in plain lists.

const name = fc.constantFrom("a", "b", "c");
const namespace = fc.constantFrom("x", "y");
const targetRefs = fc.option(fc.uniqueArray(name, { minLength: 1, maxLength: 2 }), { nil: undefined });

interface Parent {
  readonly name: string;
  readonly namespace?: string;
}
interface Spec {
  readonly targetRefs?: readonly Parent[];
  readonly parentRefs?: readonly Parent[];
  readonly rules?: readonly {
    readonly matches?: readonly { readonly path: { readonly type: string; readonly value: string } }[];
  }[];
}

const authorization = targetRefs.map((names): Spec & { action: string } => ({
  action: "Deny",
  ...(names ? { targetRefs: names.map((each) => ({ name: each })) } : {}),
}));
const path = fc.record({ type: fc.constantFrom("Exact", "PathPrefix"), value: fc.constantFrom("/", "/a", "/a/b") });
const route = fc.record({
  parentRefs: fc.uniqueArray(fc.record({ name, namespace }), { minLength: 1, maxLength: 2, selector: JSON.stringify }),
  rules: fc.array(fc.record({ matches: fc.array(fc.record({ path }), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 2,
  }),
});
const budget = fc.uniqueArray(name, { minLength: 1, maxLength: 2 }).map((names) => ({
  targetRefs: names.map((each) => ({ name: each })),
  retryConstraint: {},
}));
const age = fc.option(fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), { nil: undefined });

const resource = fc
  .record({
    of: fc.oneof(
      fc.record({ kind: fc.constant("AuthorizationPolicy"), spec: authorization }),
      fc.record({ kind: fc.constant("HTTPRoute"), spec: route }),
      fc.record({ kind: fc.constant("XBackendTrafficPolicy"), spec: budget }),
    ),
    name: fc.constantFrom("p", "q", "r", "s"),
    namespace,
    age,
  })
  .map(
    ({ of, name: own, namespace: where, age: creationTimestamp }): Resource<Spec> => ({
      apiVersion: "",
      kind: of.kind,
      metadata: { name: own, namespace: where, labels: {}, ...(creationTimestamp ? { creationTimestamp } : {}) },
      spec: of.spec,
      origin: fileOrigin("a.yaml", 1),
    }),
  );
const folder = fc.uniqueArray(resource, { maxLength: 12, selector: nameOf });

function nameOf({ kind, metadata }: Resource): string {
  return `${metadata.namespace}/${metadata.name}/${kind}`;
}

function naiveInbound(
  all: readonly Resource<Spec>[],
  workload: { namespace: string; name: string },
): readonly string[] {
  const about = all.filter(({ kind, metadata, spec }) => {
    if (kind !== "AuthorizationPolicy" || metadata.namespace !== workload.namespace) return false;
    return spec.targetRefs === undefined || spec.targetRefs.some((ref) => ref.name === workload.name);
  });
  return about.map(nameOf).sort();
}

/** "route/rule type value" in the order of asking. */
function naiveOutbound(
  all: readonly Resource<Spec>[],
  clients: string,
  target: { namespace: string; name: string },
): readonly string[] {
  const bound = all.filter(
    ({ kind, spec }) =>
      kind === "HTTPRoute" &&
      spec.parentRefs?.some((ref) => ref.name === target.name && ref.namespace === target.namespace),
  );
  const consumer = bound.filter(({ metadata }) => metadata.namespace === clients);
  const producer = bound.filter(({ metadata }) => metadata.namespace === target.namespace);
  const lines = (consumer.length > 0 ? consumer : producer).flatMap((each) =>
    (each.spec.rules ?? []).flatMap(({ matches = [] }, rule) =>
      (matches.length > 0 ? matches : [{ path: { type: "PathPrefix", value: "/" } }]).map(({ path: at }, match) => {
        const exact = at.type === "Exact" ? 0 : 1;
        const length = exact === 0 ? 0 : 99 - at.value.length;
        const order = [
          exact,
          String(length).padStart(2, "0"),
          each.metadata.creationTimestamp ?? "9",
          nameOf(each),
          rule,
          match,
        ];
        return { order: order.join(" "), text: `${nameOf(each)}#${rule} ${at.type} ${at.value}` };
      }),
    ),
  );
  return lines.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ text }) => text);
}

function naiveBudget(all: readonly Resource<Spec>[], target: { namespace: string; name: string }): string {
  const about = all.filter(
    ({ kind, metadata, spec }) =>
      kind === "XBackendTrafficPolicy" &&
      metadata.namespace === target.namespace &&
      spec.targetRefs?.some((ref) => ref.name === target.name),
  );
  const [first] = about.map((each) => `${each.metadata.creationTimestamp ?? "9"} ${nameOf(each)}`).sort();
  return first?.split(" ")[1] ?? "";
}

const types = ["", "Exact", "PathPrefix"];

function said({ rules, matches, retryBudgetRef: ref }: Outbound): { routes: readonly string[]; budget: string } {
  const routes = matches.map(({ rule, path: at }) => {
    const of = rules[rule];
    return `${of?.ref?.namespace}/${of?.ref?.name}/${of?.ref?.kind}#${of?.index} ${types[at?.type ?? 0]} ${at?.value}`;
  });
  return { routes, budget: ref ? `${ref.namespace}/${ref.name}/${ref.kind}` : "" };
}

it("a workload's snapshot is what a look at every resource finds, whatever changed before, and nobody misses a change", () => {
  const targets = ["x", "y"].flatMap((where) => ["a", "b", "c"].map((each) => ({ namespace: where, name: each })));
  const asked: readonly SnapshotOptions[] = targets.map((workload) => ({
    workload,
    hosts: new Set(targets.filter(({ name: each }) => each !== "c").map((each) => host(each.name, each.namespace))),
    namePolicies: false,
  }));
  fc.assert(
    fc.property(fc.array(folder, { minLength: 1, maxLength: 4 }), (folders) => {
      const policyIndex = createPolicyIndex(DefaultAction.ALLOW);
      const versions = new Map<SnapshotOptions, string>();
      for (const all of folders) {
        const touched = policyIndex.replace(all);
        for (const options of asked) {
          const snapshot = composeSnapshot(policyIndex, options);
          const version = createUpdate(snapshot).version;
          if (versions.get(options) !== version && versions.has(options)) assert.ok(concerns(touched, options));
          versions.set(options, version);
          compare(snapshot, options, all);
        }
      }
    }),
    { numRuns: 60 },
  );

  function compare(snapshot: Snapshot, { workload, hosts }: SnapshotOptions, all: readonly Resource<Spec>[]): void {
    const inbound = snapshot.inbound?.authorization.map(({ ref }) => `${ref?.namespace}/${ref?.name}/${ref?.kind}`);
    assert.deepEqual(inbound, naiveInbound(all, workload));
    const followed = targets.filter((each) => hosts.has(host(each.name, each.namespace)));
    for (const target of followed) {
      const outbound = snapshot.outbound.find((each) => each.target === host(target.name, target.namespace));
      assert.ok(outbound);
      assert.deepEqual(said(outbound), {
        routes: naiveOutbound(all, workload.namespace, target),
        budget: naiveBudget(all, target),
      });
    }
  }
});
