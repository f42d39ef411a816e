import type { AppContext } from "@patchbay/runtime";
import { hookToken } from "@patchbay/wire";
import type { PolicyIndex } from "../core/policy-index.ts";
import { createHookCaller } from "../sources/hook-caller.ts";
import { watchHookPlugins } from "../sources/hook-plugins.ts";
import { createHookCalls, type HookCalls } from "./hook-calls.ts";

export interface PluginCalls extends HookCalls {
  stop(): void;
}

/** Asks the plugins that policies name; whoever asks gets no further than the policies of its own workload. */
export function createPluginCalls({ view, key, clock: { now } }: AppContext, book: PolicyIndex): PluginCalls {
  const plugins = watchHookPlugins({
    view,
    hookToken: ({ hookToken: given, announce }) => given || (announce ? hookToken(key, announce) : ""),
  });
  const calls = createHookCalls({
    call: createHookCaller(plugins, now),
    policyOf(workload, { kind, namespace, name }) {
      const found = book
        .about(workload)
        .find(({ ref }) => ref.kind === kind && ref.namespace === namespace && ref.name === name);
      const policy = found?.part.authorization ?? found?.part.rateLimit;
      if (!policy) return undefined;
      const limits = policy.$typeName === "mesh.policy.v1.RateLimitPolicy" ? policy.limits : [];
      return policy.plugin && { plugin: policy.plugin, limits };
    },
    now,
  });
  return { ...calls, stop: () => plugins.stop() };
}
