import { timestampMs } from "@bufbuild/protobuf/wkt";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { Kind, type Registration, State } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { RegistryView } from "@patchbay/runtime";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { type ResolverGrant, resolverGrant, type Use, useOf } from "./plugin-hook.ts";
import { createPluginResolver, type PluginResolver, type PluginResolverOptions } from "./plugin-resolver.ts";

export interface PluginResolversOptions extends Omit<PluginResolverOptions, "name"> {
  readonly view: RegistryView;
  /** For hooks that are granted none of their own. */
  readonly deadlineMs: number;
  /** The links there are, at first and after each change of them or of what they are granted. */
  onChange(links: readonly PluginResolver[]): void;
}

export interface PluginResolvers {
  stop(): void;
}

/** The chain has a link for a plugin while one of its instances is there, or ought to be: one that broke counts, one that left does not. */
const inChain: ReadonlySet<Use> = new Set<Use>(["ready", "doubtful", "broken"]);
/** An instance that starts again, as all do after a restart of the registry, keeps a link but does not make one. */
const keepsLink: ReadonlySet<Use> = new Set<Use>([...inChain, "starting"]);

/** One link per plugin that is granted the hook "resolve", as the registry knows them. */
export function watchPluginResolvers(options: PluginResolversOptions): PluginResolvers {
  const links = new Map<string, PluginResolver>();
  let told: readonly ResolverSpec[] | undefined;
  const refresh = (): void => {
    const plugins = groupByPlugin(options.view.list(Kind.PLUGIN));
    for (const name of links.keys()) if (!plugins.has(name)) remove(links, name);
    for (const [name, registrations] of plugins) refreshOne({ links, options, name }, registrations);
    const specs = [...links.values()].map(({ spec }) => spec);
    if (told && specs.length === told.length && specs.every((spec, index) => spec === told?.[index])) return;
    told = specs;
    options.onChange([...links.values()]);
  };
  const unsubscribe = options.view.subscribe(({ changed, removed }) => {
    const touched = changed.some(({ announce }) => announce?.kind === Kind.PLUGIN) || removed.some(isPlugin);
    if (touched) refresh();
  });
  refresh();
  return {
    stop() {
      unsubscribe();
      for (const name of links.keys()) remove(links, name);
    },
  };
}

/** Ids begin with the kind. */
function isPlugin(id: string): boolean {
  return id.startsWith("plugin/");
}

function groupByPlugin(registrations: readonly Registration[]): Map<string, Registration[]> {
  const groups = new Map<string, Registration[]>();
  for (const registration of registrations) {
    const { namespace = "", name = "" } = registration.announce ?? {};
    const link = namespace === "" || namespace === DEFAULT_NAMESPACE ? `plugin/${name}` : `plugin/${namespace}/${name}`;
    groups.set(link, [...(groups.get(link) ?? []), registration]);
  }
  return groups;
}

interface One {
  readonly links: Map<string, PluginResolver>;
  readonly options: PluginResolversOptions;
  readonly name: string;
}

function refreshOne({ links, options, name }: One, registrations: readonly Registration[]): void {
  const known = links.get(name);
  const wanted = known ? keepsLink : inChain;
  const grant = grantOf(registrations, options.deadlineMs);
  const counting = registrations.filter((one) => wanted.has(useOf(one)) && !isReplaced(one, registrations));
  if (!grant || counting.length === 0) return remove(links, name);
  const link = known ?? createPluginResolver({ ...options, name }, grant);
  links.set(name, link);
  link.update(registrations, grant);
}

/** Gone, and another one was started since: what became of that one is what counts. */
function isReplaced(registration: Registration, all: readonly Registration[]): boolean {
  return registration.state === State.GONE && all.some((other) => startedAt(other) > startedAt(registration));
}

function startedAt({ history, since }: Registration): number {
  const first = history[0]?.at ?? since;
  return first ? timestampMs(first) : 0;
}

/** What the newest instance that is in use is granted. */
function grantOf(registrations: readonly Registration[], deadlineMs: number): ResolverGrant | undefined {
  const newest = [...registrations].sort(
    (a, b) => rank(b) - rank(a) || Number((b.since?.seconds ?? 0n) - (a.since?.seconds ?? 0n)),
  );
  return newest.map((one) => resolverGrant(one, deadlineMs)).find((grant) => grant !== undefined);
}

function rank(registration: Registration): number {
  const use = useOf(registration);
  return use === "ready" ? 2 : use === "doubtful" ? 1 : 0;
}

function remove(links: Map<string, PluginResolver>, name: string): void {
  links.get(name)?.close();
  links.delete(name);
}
