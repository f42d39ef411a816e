import { isDeepStrictEqual } from "node:util";
import { originText, problemText } from "@patchbay/model";
import { type Problem, type Resource, type ResourceWatch, watchResources } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { developmentGrant, type GrantSource } from "../core/announce/grant.ts";
import { checkConfig } from "./config-check.ts";
import { boundsOf, checkMeshPlugin, MESH_PLUGIN, type MeshPluginSpec } from "./mesh-plugin.ts";

export interface GrantsOptions {
  readonly resourcesDir: string;
  /** Deadline of hooks that do not say. */
  readonly resolveDeadlineMs: number;
  readonly log: Log;
}

export interface DevelopmentGrants extends GrantSource {
  /** Reads the resource files for the first time, and follows them. */
  start(): Promise<void>;
  stop(): void;
}

/** Grants of development: generated from the manifest, configured by MeshPlugin files. */
export function createDevelopmentGrants({ resourcesDir, resolveDeadlineMs, log }: GrantsOptions): DevelopmentGrants {
  const listeners = new Set<() => void>();
  let specs: ReadonlyMap<string, MeshPluginSpec> = new Map();
  let watch: ResourceWatch | undefined;
  const follow = (resources: readonly Resource[]): void => {
    const before = specs;
    specs = specsOf(resources);
    // Other kinds lie in the same folder; every listener answers with new grants and credentials for all plugins.
    if (isDeepStrictEqual(before, specs)) return;
    for (const listener of listeners) listener();
  };
  return {
    async start() {
      const onProblems = (problems: readonly Problem[]): void => report(problems, log);
      watch = await watchResources({
        dir: resourcesDir,
        kinds: { MeshPlugin: MESH_PLUGIN },
        checks: { MeshPlugin: checkMeshPlugin },
        onChange: follow,
        onProblems,
      });
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

function report(problems: readonly Problem[], log: Log): void {
  for (const problem of problems) log.warn({ origin: originText(problem.origin) }, problemText(problem));
}
