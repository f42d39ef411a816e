import { DEFAULT_NAMESPACE } from "@patchbay/model";
import {
  createGate,
  type FailoverStream,
  type HookedPlugin,
  type PluginCalls,
  type PluginInstance,
} from "@patchbay/plugin-calls";
import type { Query } from "../core/chain.ts";
import { type Limits, objection } from "../core/limits.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { parseSuffixes } from "../core/suffix.ts";
import { queryPlugin } from "./plugin-query.ts";
import type { OnResolverEvent, Resolver } from "./resolver.ts";
import { type ResolverGrant, resolverGrant } from "./resolver-grant.ts";

export interface PluginResolverOptions {
  readonly calls: Pick<PluginCalls, "openStream">;
  readonly staleForMs: number;
  controlPlanePorts(): ReadonlySet<number>;
  onViolation(resolver: string, rule: string): void;
}

/** A resolver plugin with all its instances. */
export interface PluginResolver extends Resolver {
  readonly plugin: HookedPlugin;
  /** Takes in what the registry changed about the plugin. */
  update(): void;
  close(): void;
}

/** Streams of one plugin that may wait for their first answer at a time. */
const MAX_OPENING = 64;
/** Authorities that one plugin is asked for at a time. */
const MAX_QUERIES = 10_000;

export function createPluginResolver(plugin: HookedPlugin, options: PluginResolverOptions): PluginResolver {
  const name = resolverName(plugin);
  let granted = resolverGrant(plugin.granted);
  let { instances } = plugin;
  const limits = (): Limits => ({ networks: granted.networks, ownPorts: options.controlPlanePorts() });
  let spec = specOf(name, options, { granted, limits });
  const queries = new Set<FailoverStream>();
  const gate = createGate(MAX_OPENING);

  const ask = (query: Query, tell: OnResolverEvent): (() => void) => {
    if (queries.size >= MAX_QUERIES) {
      tell({ kind: "broken", hard: true, reason: `is asked for ${MAX_QUERIES} authorities already` });
      return () => undefined;
    }
    const { calls, staleForMs, onViolation } = options;
    const asked = queryPlugin({
      calls,
      plugin,
      query,
      tell,
      maxRetryMs: staleForMs / 2,
      gate,
      limits,
      onViolation: (rule) => onViolation(name, rule),
    });
    queries.add(asked);
    return () => {
      queries.delete(asked);
      asked.close();
    };
  };

  return {
    plugin,
    get spec() {
      return spec;
    },
    get suffixes() {
      return granted.suffixes;
    },
    status: () => statusOf(plugin.instances),
    ask,
    update() {
      const next = resolverGrant(plugin.granted);
      // A new spec evaluates everything anew, so it is made only when the grant differs.
      if (!sameGrant(granted, next)) {
        granted = next;
        spec = specOf(name, options, { granted, limits });
      }
      if (instances === plugin.instances) return;
      instances = plugin.instances;
      for (const query of queries) query.instancesChanged();
    },
    close() {
      for (const query of queries) query.close();
    },
  };
}

function resolverName({ namespace, name }: HookedPlugin): string {
  return namespace === DEFAULT_NAMESPACE ? `plugin/${name}` : `plugin/${namespace}/${name}`;
}

/** Plain data on both sides. */
function sameGrant(a: ResolverGrant, b: ResolverGrant): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

interface Granted {
  readonly granted: ResolverGrant;
  limits(): Limits;
}

function specOf(
  name: string,
  { staleForMs }: PluginResolverOptions,
  { granted: grant, limits }: Granted,
): ResolverSpec {
  const suffixes = parseSuffixes(grant.suffixes);
  const why = `it serves only ${grant.suffixes.slice(0, 5).join(", ")}${grant.suffixes.length > 5 ? " and more" : ""}`;
  return {
    name,
    order: grant.order,
    failOpen: grant.failOpen,
    deadlineMs: grant.deadlineMs,
    staleForMs,
    usesContext: grant.usesContext,
    skips: (authority) => (suffixes.matches(authority) ? undefined : why),
    vet: (endpoints) => objection(endpoints, limits()),
  };
}

/** Broken and departed instances are listed only while no instance is ready. */
function statusOf(instances: readonly PluginInstance[]): { ready: boolean; reason: string } {
  const ready = instances.some(({ use }) => use === "ready");
  const others = instances.filter(({ use }) => use !== "ready" && !(ready && (use === "broken" || use === "left")));
  const texts = others.slice(0, 3).map(({ id, use, reason }) => `${id} is ${use}${reason === "" ? "" : `: ${reason}`}`);
  const more = others.length > 3 ? [`${others.length - 3} more`] : [];
  return { ready, reason: [...texts, ...more].join("; ") };
}
