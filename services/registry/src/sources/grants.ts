import { isDeepStrictEqual } from "node:util";
import type { Resource, ResourceSource, ResourceWatch } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { developmentGrant, type GrantSource } from "../core/announce/grant.ts";
import { checkConfig } from "./config-check.ts";
import { boundsOf, type MeshPluginSpec, meshPlugin } from "./mesh-plugin.ts";

export interface GrantsOptions {
  readonly resources: ResourceSource;
  /** Deadline of hooks that do not say. */
  readonly resolveDeadlineMs: number;
  readonly log: Log;
}

export interface DevelopmentGrants extends GrantSource {
  /** Reads the resources for the first time, and follows them. */
  start(): Promise<void>;
  stop(): void;
}

/** Grants of development: generated from the manifest, configured by MeshPlugin files. */
export function createDevelopmentGrants({ resources, resolveDeadlineMs, log }: GrantsOptions): DevelopmentGrants {
  const listeners = new Set<() => void>();
  let specs: ReadonlyMap<string, MeshPluginSpec> = new Map();
  let watch: ResourceWatch | undefined;
  const follow = (inForce: readonly Resource[]): void => {
    const before = specs;
    specs = specsOf(inForce);
    // Other kinds lie in the same folder; every listener answers with new grants and credentials for all plugins.
    if (isDeepStrictEqual(before, specs)) return;
    for (const listener of listeners) listener();
  };
  return {
    async start() {
      watch = await resources.watch({ kinds: [meshPlugin], log, onChange: follow });
    },
    stop: () => watch?.stop(),
    grant({ namespace, name }, manifest) {
      const spec = specs.get(`${namespace}/${name}`);
      const { config, problem } = checkConfig(manifest.configSchema, spec?.config);
      const bounds = boundsOf(spec ?? {});
      return { grant: developmentGrant(manifest, { config, bounds, resolveDeadlineMs }), configProblem: problem };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function specsOf(resources: readonly Resource[]): ReadonlyMap<string, MeshPluginSpec> {
  // The spec fits the schema, which is what a MeshPluginSpec is.
  return new Map(
    resources.map(({ metadata: { namespace, name }, spec }) => [`${namespace}/${name}`, spec as MeshPluginSpec]),
  );
}
