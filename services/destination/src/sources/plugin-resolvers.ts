import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HookedPlugin, InstanceUse, PluginCalls, PluginInstance } from "@patchbay/plugin-calls";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { createPluginResolver, type PluginResolver, type PluginResolverOptions } from "./plugin-resolver.ts";

export interface PluginResolversOptions extends Omit<PluginResolverOptions, "calls"> {
  readonly calls: Pick<PluginCalls, "directory" | "openStream">;
  /** All resolvers: at first, and after each change of them or of their grants. */
  onChange(resolvers: readonly PluginResolver[]): void;
}

export interface PluginResolvers {
  stop(): void;
}

/**
 * A plugin is in the chain while one of its instances is present or expected back: a broken instance counts, one that left does
 * not.
 */
const IN_CHAIN: ReadonlySet<InstanceUse> = new Set<InstanceUse>(["ready", "doubtful", "broken"]);
/** A starting instance (all are after a restart of the registry) keeps a plugin in the chain, but does not add it. */
const STAYS_IN_CHAIN: ReadonlySet<InstanceUse> = new Set<InstanceUse>([...IN_CHAIN, "starting"]);

/** One resolver per plugin that is granted the hook "resolve", as the registry knows them. */
export function watchPluginResolvers(options: PluginResolversOptions): PluginResolvers {
  const { directory } = options.calls;
  const resolvers = new Map<HookedPlugin, PluginResolver>();
  let told: readonly ResolverSpec[] | undefined;
  const remove = (plugin: HookedPlugin): void => {
    resolvers.get(plugin)?.close();
    resolvers.delete(plugin);
  };
  const refresh = (): void => {
    const plugins = directory.list("resolve");
    for (const plugin of resolvers.keys()) if (!plugins.includes(plugin)) remove(plugin);
    for (const plugin of plugins) {
      const known = resolvers.get(plugin);
      if (!belongs(plugin, known ? STAYS_IN_CHAIN : IN_CHAIN)) remove(plugin);
      else if (known) known.update();
      else resolvers.set(plugin, createPluginResolver(plugin, options));
    }
    const specs = [...resolvers.values()].map(({ spec }) => spec);
    if (told && specs.length === told.length && specs.every((spec, index) => spec === told?.[index])) return;
    told = specs;
    options.onChange([...resolvers.values()]);
  };
  const unsubscribe = directory.subscribe(refresh);
  refresh();
  return {
    stop() {
      unsubscribe();
      for (const plugin of resolvers.keys()) remove(plugin);
    },
  };
}

function belongs({ instances }: HookedPlugin, uses: ReadonlySet<InstanceUse>): boolean {
  return instances.some((instance) => uses.has(instance.use) && !isReplaced(instance, instances));
}

/** Gone, with an instance that started later: that one counts. */
function isReplaced(instance: PluginInstance, all: readonly PluginInstance[]): boolean {
  return instance.registration.state === State.GONE && all.some((other) => startedAt(other) > startedAt(instance));
}

function startedAt({ registration: { history, since } }: PluginInstance): number {
  const first = history[0]?.at ?? since;
  return first ? timestampMs(first) : 0;
}
