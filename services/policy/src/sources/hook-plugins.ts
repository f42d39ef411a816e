import { durationMs } from "@bufbuild/protobuf/wkt";
import { DECISION_HOOKS, type DecisionHook, HOOK_KINDS, type HookKind } from "@patchbay/model";
import type { Hook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { Kind, type Registration, State } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { RegistryView } from "@patchbay/runtime";
import { createHookInstance, type HookInstance } from "./hook-instance.ts";

/** A plugin as a policy names it, with the instances that can be asked. */
export interface HookPlugin {
  readonly deadlineMs: number;
  /** Calls at a time. */
  readonly concurrency: number;
  /** Those in use; when none is ready, those that may be. */
  readonly instances: readonly HookInstance[];
  calls: number;
}

export interface HookPlugins {
  /** Undefined: no such plugin is registered, or it is not granted the hook. */
  find(namespace: string, name: string, kind: DecisionHook): HookPlugin | undefined;
  stop(): void;
}

export interface HookPluginsOptions {
  readonly view: RegistryView;
  /** What proves the core to an instance. */
  hookToken(registration: Registration): string;
}

/** Follows the registry's plugins. Connections and breakers live as long as their instance. */
export function watchHookPlugins({ view, hookToken }: HookPluginsOptions): HookPlugins {
  const instances = new Map<string, HookInstance>();
  let plugins = new Map<string, HookPlugin>();

  function instanceOf(registration: Registration): HookInstance {
    const { instance: id = "", address = "" } = registration.announce ?? {};
    const key = `${registration.id} ${address}`;
    const held = instances.get(key) ?? createHookInstance({ id, address, hookToken: hookToken(registration) });
    instances.set(key, held);
    return held;
  }

  function refresh(): void {
    const usable = view.list(Kind.PLUGIN).filter(isUsable);
    const before = plugins;
    plugins = new Map();
    for (const registration of inUse(usable)) addHooks(registration);
    // The same object stays: calls that are under way count down on it when they end.
    for (const [key, plugin] of plugins) {
      const held = before.get(key);
      if (held) plugins.set(key, Object.assign(held, { ...plugin, calls: held.calls }));
    }
    const used = new Set(usable.map(({ id, announce }) => `${id} ${announce?.address}`));
    for (const [key, instance] of instances) if (!used.has(key) && instances.delete(key)) instance.close();
  }

  function addHooks(registration: Registration): void {
    const { namespace = "", name = "" } = registration.announce ?? {};
    for (const hook of registration.grant?.hooks ?? []) {
      const kind = DECISION_HOOKS.find((each) => each === hook.kind);
      if (kind === undefined) continue;
      const key = keyOf(namespace || "default", name, kind);
      const others = plugins.get(key)?.instances ?? [];
      plugins.set(key, pluginOf(hook, HOOK_KINDS[kind], [...others, instanceOf(registration)]));
    }
  }

  const unsubscribe = view.subscribe(({ changed, removed }) => {
    if (removed.length > 0 || changed.some(({ announce }) => announce?.kind === Kind.PLUGIN)) refresh();
  });
  refresh();
  return {
    find: (namespace, name, kind) => plugins.get(keyOf(namespace, name, kind)),
    stop() {
      unsubscribe();
      for (const instance of instances.values()) instance.close();
    },
  };
}

function keyOf(namespace: string, name: string, kind: DecisionHook): string {
  return `${kind} ${namespace}/${name}`;
}

function isUsable({ state, announce }: Registration): boolean {
  return announce?.address !== "" && (state === State.READY || state === State.DEGRADED);
}

function pluginOf({ deadline, concurrency }: Hook, kind: HookKind, instances: readonly HookInstance[]): HookPlugin {
  const ms = deadline ? durationMs(deadline) : 0;
  return {
    deadlineMs: ms > 0 ? Math.min(ms, kind.maxDeadlineMs) : kind.deadlineMs,
    concurrency: Math.min(concurrency || kind.concurrency, kind.maxConcurrency),
    instances,
    calls: 0,
  };
}

/** Of each plugin those that the registry calls ready; when there is none, all. */
function inUse(usable: readonly Registration[]): readonly Registration[] {
  const ready = new Set(usable.filter(({ state }) => state === State.READY).map(pluginName));
  return usable.filter((each) => each.state === State.READY || !ready.has(pluginName(each)));
}

function pluginName({ announce }: Registration): string {
  return `${announce?.namespace}/${announce?.name}`;
}
