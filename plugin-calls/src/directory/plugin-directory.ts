import { DEFAULT_NAMESPACE, HOOK_KINDS, type HookName } from "@patchbay/model";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { RegistryView } from "@patchbay/runtime";
import { type GrantedHook, grantedHook, newestInUse } from "./granted-hook.ts";
import { createPluginInstance, type KnownInstance, type PluginInstance } from "./plugin-instance.ts";
import { hookProof } from "./proof.ts";

/** A plugin with one of its hooks. The same object as long as an instance of it with that hook is registered. */
export interface HookedPlugin {
  readonly namespace: string;
  readonly name: string;
  readonly granted: GrantedHook;
  /** The instances that are granted the hook, in every state. A new list after each change of their number or use. */
  readonly instances: readonly PluginInstance[];
  /** Calls under way. */
  calls: number;
}

/** Which plugins there are, as the registry says. Connections and breakers live as long as their instance. */
export interface PluginDirectory {
  /** Undefined: no such plugin is registered, or none of its instances is granted the hook. */
  find(hook: HookName, namespace: string, name: string): HookedPlugin | undefined;
  /** All plugins with a hook. */
  list(hook: HookName): readonly HookedPlugin[];
  /** Calls back after each change of plugins in the registry. Returns the unsubscribe function. */
  subscribe(listener: () => void): () => void;
  stop(): void;
}

export interface PluginDirectoryOptions {
  readonly view: RegistryView;
  /** The hooks that are called here. */
  readonly hooks: readonly HookName[];
  /** The development key, for instances without a token from the registry. */
  readonly key: Uint8Array;
  readonly pingMs: number;
}

export function watchPlugins({ view, hooks, key, pingMs }: PluginDirectoryOptions): PluginDirectory {
  const maxAnswerBytes = Math.max(...hooks.map((hook) => HOOK_KINDS[hook].maxAnswerBytes));
  const instances = new Map<string, KnownInstance>();
  const plugins = new Map(hooks.map((hook) => [hook, new Map<string, Writable>()]));
  const listeners = new Set<() => void>();

  /** True when it is new or its use has changed. An instance that returns at another address counts as new. */
  function take(registration: Registration): boolean {
    const id = keyOf(registration);
    const known = instances.get(id);
    if (known !== undefined) return known.update(registration);
    const hookToken = hookProof(key, registration);
    instances.set(id, createPluginInstance(registration, { hookToken, pingMs, maxAnswerBytes }));
    return true;
  }

  function refresh(): void {
    const registrations = view.list(Kind.PLUGIN);
    const changed = new Set<PluginInstance>();
    for (const registration of registrations) {
      const news = take(registration);
      const instance = instances.get(keyOf(registration));
      if (news && instance !== undefined) changed.add(instance);
    }
    const forgotten = forget(instances, new Set(registrations.map(keyOf)));
    for (const hook of hooks) regroup(plugins.get(hook) ?? new Map(), { hook, instances, changed });
    for (const listener of listeners) listener();
    // After the listeners, so that callers move instead of seeing a broken connection.
    for (const instance of [...forgotten, ...instances.values()]) if (isGone(instance)) instance.channel.close();
  }

  const unsubscribe = view.subscribe(({ changed, removed }) => {
    if (removed.some(isPlugin) || changed.some(({ announce }) => announce?.kind === Kind.PLUGIN)) refresh();
  });
  refresh();
  return {
    find: (hook, namespace, name) => plugins.get(hook)?.get(`${namespace}/${name}`),
    list: (hook) => [...(plugins.get(hook)?.values() ?? [])],
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      unsubscribe();
      for (const instance of instances.values()) instance.channel.close();
    },
  };
}

type Writable = { -readonly [Key in keyof HookedPlugin]: HookedPlugin[Key] };

interface Picture {
  readonly hook: HookName;
  readonly instances: ReadonlyMap<string, PluginInstance>;
  readonly changed: ReadonlySet<PluginInstance>;
}

/** Brings the plugins with one hook up to date. The same objects stay, since calls under way count down on them when they end. */
function regroup(plugins: Map<string, Writable>, { hook, instances, changed }: Picture): void {
  const groups = Map.groupBy(
    [...instances.values()].filter(({ registration }) => grantedHook(registration, HOOK_KINDS[hook]) !== undefined),
    nameOf,
  );
  for (const name of plugins.keys()) if (!groups.has(name)) plugins.delete(name);
  for (const [key, group] of groups) {
    const newest = newestInUse(group);
    const granted = newest && grantedHook(newest.registration, HOOK_KINDS[hook]);
    if (granted === undefined) continue;
    const known = plugins.get(key);
    const [namespace = "", name = ""] = key.split("/");
    if (known === undefined) plugins.set(key, { namespace, name, granted, instances: group, calls: 0 });
    else {
      known.granted = granted;
      if (group.length !== known.instances.length || group.some((each) => changed.has(each))) known.instances = group;
    }
  }
}

/** Removes instances that are no longer registered, and returns them. */
function forget(instances: Map<string, KnownInstance>, registered: ReadonlySet<string>): readonly KnownInstance[] {
  const gone = [...instances].filter(([id]) => !registered.has(id));
  for (const [id, instance] of gone) {
    instance.forget();
    instances.delete(id);
  }
  return gone.map(([, instance]) => instance);
}

function isGone({ use }: PluginInstance): boolean {
  return use === "broken" || use === "left";
}

function keyOf({ id, announce }: Registration): string {
  return `${id} ${announce?.address ?? ""}`;
}

function nameOf({ registration: { announce } }: PluginInstance): string {
  const { namespace = "", name = "" } = announce ?? {};
  return `${namespace === "" ? DEFAULT_NAMESPACE : namespace}/${name}`;
}

/** Ids begin with the kind. */
function isPlugin(id: string): boolean {
  return id.startsWith("plugin/");
}
