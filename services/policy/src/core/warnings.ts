import type { PluginRef } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import type { CompiledPolicy, Known } from "./policy-kind.ts";
import { wholeNamespace } from "./resource.ts";

export function missingWorkloads({ inbound }: CompiledPolicy, { workloads }: Known): readonly string[] {
  const isThere = (key: string): boolean => {
    const namespace = key.split("/")[0] ?? "";
    return key === wholeNamespace(namespace)
      ? [...workloads].some((each) => each.startsWith(`${namespace}/`))
      : workloads.has(key);
  };
  return inbound.filter((key) => !isThere(key)).map((key) => `no workload is called ${nameText(key)} at the moment`);
}

export function missingTargets({ outbound }: CompiledPolicy, known: Known): readonly string[] {
  return outbound
    .filter((key) => isUnknownService(key, known))
    .map((key) => `no workload is called ${nameText(key)} at the moment`);
}

/** False while there is a resolver plugin: it may know services that the registry does not. */
export function isUnknownService(key: string, { workloads, staticServices, plugins }: Known): boolean {
  if ([...plugins.values()].some((hooks) => hooks.has("resolve"))) return false;
  return !workloads.has(key) && !staticServices.has(key);
}

export function nameText(key: string): string {
  const [namespace = "", name = ""] = key.split("/");
  if (name === "*") return `anything in namespace ${namespace}`;
  return namespace === "default" ? name : `${name} in namespace ${namespace}`;
}

export function missingPlugin(plugin: PluginRef | undefined, hook: string, { plugins }: Known): readonly string[] {
  if (!plugin) return [];
  const fallback = `its failure policy decides: ${plugin.failurePolicy === 1 ? "open" : "closed"}`;
  const hooks = plugins.get(`${plugin.namespace}/${plugin.name}`);
  if (!hooks) return [`no plugin ${plugin.namespace}/${plugin.name} is registered at the moment; ${fallback}`];
  return hooks.has(hook)
    ? []
    : [`plugin ${plugin.namespace}/${plugin.name} does not offer the hook "${hook}"; ${fallback}`];
}
