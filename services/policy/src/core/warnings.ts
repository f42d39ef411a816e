import { equals } from "@bufbuild/protobuf";
import {
  AuthorizationAction,
  type AuthorizationPolicy,
  AuthorizationRuleSchema,
  type PluginRef,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { CompiledPolicy } from "./compile.ts";
import type { PolicyIndex } from "./policy-index.ts";
import { compareResources } from "./precedence.ts";
import { resourceName, wholeNamespace } from "./resource.ts";

/** Who is there at the moment. */
export interface Known {
  /** Programs that are called, as "namespace/name". */
  readonly workloads: ReadonlySet<string>;
  readonly staticServices: ReadonlySet<string>;
  /** Hooks by plugin ("namespace/name"). */
  readonly plugins: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface WarningOptions {
  readonly book: PolicyIndex;
  readonly known: Known;
}

/** What does not stop a resource but is most likely not meant, one sentence each. */
export function warningsOf(compiled: CompiledPolicy, { book, known }: WarningOptions): readonly string[] {
  const { part } = compiled;
  switch (part.kind) {
    case "authorization":
      return [
        ...missingWorkloads(compiled, known),
        ...missingPlugin(part.policy.plugin, "authorize", known),
        ...coveredByDeny(compiled, part.policy, book),
      ];
    case "rate-limit":
      return [...missingWorkloads(compiled, known), ...missingPlugin(part.policy.plugin, "ratelimit", known)];
    case "route":
      return [
        ...missingTargets(compiled, known),
        ...missingBackends(compiled, known),
        ...foreignParents(compiled),
        ...foreignBackends(compiled),
      ];
    case "budget":
      return [...missingTargets(compiled, known), ...overruled(compiled, book)];
    case "none":
      return [];
  }
}

function missingWorkloads({ inbound }: CompiledPolicy, { workloads }: Known): readonly string[] {
  const isThere = (key: string): boolean => {
    const namespace = key.split("/")[0] ?? "";
    return key === wholeNamespace(namespace)
      ? [...workloads].some((each) => each.startsWith(`${namespace}/`))
      : workloads.has(key);
  };
  return inbound.filter((key) => !isThere(key)).map((key) => `no workload is called ${nameText(key)} at the moment`);
}

function missingTargets({ outbound }: CompiledPolicy, known: Known): readonly string[] {
  return outbound
    .filter((key) => isNobody(key, known))
    .map((key) => `no workload is called ${nameText(key)} at the moment`);
}

/** A canary that has not been started yet gets its share all the same. */
function missingBackends({ part, outbound }: CompiledPolicy, known: Known): readonly string[] {
  if (part.kind !== "route") return [];
  const backends = part.route.rules.flatMap(({ rule }) => rule.backends).filter(({ weight }) => weight > 0);
  const keys = backends.map(({ authority }) => authority.split(".").slice(0, 2).reverse().join("/"));
  return [...new Set(keys)]
    .filter((key) => !outbound.includes(key) && isNobody(key, known))
    .map((key) => `nobody serves its backend ${nameText(key)} at the moment, so requests for it fail`);
}

/** Whoever asks a plugin for names may know more services than the registry does. */
function isNobody(key: string, { workloads, staticServices, plugins }: Known): boolean {
  if ([...plugins.values()].some((hooks) => hooks.has("resolve"))) return false;
  return !workloads.has(key) && !staticServices.has(key);
}

function nameText(key: string): string {
  const [namespace = "", name = ""] = key.split("/");
  if (name === "*") return `anything in namespace ${namespace}`;
  return namespace === "default" ? name : `${name} in namespace ${namespace}`;
}

function missingPlugin(plugin: PluginRef | undefined, hook: string, { plugins }: Known): readonly string[] {
  if (!plugin) return [];
  const fallback = `its failure policy decides: ${plugin.failurePolicy === 1 ? "open" : "closed"}`;
  const hooks = plugins.get(`${plugin.namespace}/${plugin.name}`);
  if (!hooks) return [`no plugin ${plugin.namespace}/${plugin.name} is registered at the moment; ${fallback}`];
  return hooks.has(hook)
    ? []
    : [`plugin ${plugin.namespace}/${plugin.name} does not offer the hook "${hook}"; ${fallback}`];
}

/** Only what can be seen without thinking: a denial of everything, or of exactly the same. */
function coveredByDeny(compiled: CompiledPolicy, allow: AuthorizationPolicy, book: PolicyIndex): readonly string[] {
  if (allow.action !== AuthorizationAction.ALLOW) return [];
  const denials = book
    .all()
    .filter(({ part }) => part.kind === "authorization" && part.policy.action === AuthorizationAction.DENY);
  const covering = denials.find(
    (denial) =>
      sameServices(denial, compiled) && denial.part.kind === "authorization" && covers(denial.part.policy, allow),
  );
  return covering ? [`all that it allows, ${resourceName(covering.resource)} denies; denials win`] : [];
}

/** Every service that `inner` is about, `outer` is about too. */
function sameServices(outer: CompiledPolicy, inner: CompiledPolicy): boolean {
  const all = new Set(outer.inbound);
  return inner.inbound.every((key) => all.has(key) || all.has(wholeNamespace(key.split("/")[0] ?? "")));
}

function covers(deny: AuthorizationPolicy, allow: AuthorizationPolicy): boolean {
  if (deny.rules.length === 0) return true;
  return (
    allow.rules.length > 0 &&
    allow.rules.every((rule) => deny.rules.some((other) => equals(AuthorizationRuleSchema, rule, other)))
  );
}

/** Routes count for their own namespace or for everybody who calls it. */
function foreignParents({ part, ref }: CompiledPolicy): readonly string[] {
  if (part.kind !== "route") return [];
  const foreign = part.route.parents.filter(({ service }) => !service.startsWith(`${ref.namespace}/`));
  return [
    ...new Set(
      foreign.map(({ service }) => `only clients in namespace ${ref.namespace} apply it to ${nameText(service)}`),
    ),
  ];
}

function foreignBackends({ part, ref }: CompiledPolicy): readonly string[] {
  if (part.kind !== "route") return [];
  const authorities = part.route.rules.flatMap(({ rule }) =>
    [...rule.backends, ...rule.mirrors].map(({ authority }) => authority),
  );
  const namespaces = authorities
    .map((authority) => authority.split(".")[1] ?? "")
    .filter((name) => name !== ref.namespace);
  return [...new Set(namespaces)].map(
    (name) => `its backends in namespace ${name} would need a ReferenceGrant there on a cluster`,
  );
}

/** Of several budgets for one service, the oldest counts. */
function overruled(compiled: CompiledPolicy, book: PolicyIndex): readonly string[] {
  const budgets = book.all().filter(({ part }) => part.kind === "budget");
  return compiled.outbound.flatMap((key) => {
    const [first] = budgets
      .filter(({ outbound }) => outbound.includes(key))
      .sort((a, b) => compareResources(a.resource, b.resource));
    return first && first !== compiled
      ? [`${resourceName(first.resource)} counts for ${nameText(key)}, not this one`]
      : [];
  });
}
