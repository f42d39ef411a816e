import { API_VERSION, type Problem, type Resource, type ResourceKind, type ResourceSource } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { KINDS } from "../core/kinds.ts";
import type { PolicyResource } from "../core/resource.ts";

/** Resources in force that policies need. */
export interface WrittenResources {
  /** StaticServices, as "namespace/name". */
  staticServices(): ReadonlySet<string>;
  /** Of this service's kinds, and of what is of no kind. */
  problems(): readonly Problem[];
  /** Resources in force whose newer version is invalid. */
  outdated(): ReadonlySet<PolicyResource>;
  stop(): void;
}

export interface WrittenResourcesOptions {
  readonly source: ResourceSource;
  /** A file where last good versions outlive this process. */
  readonly memory: string;
  readonly log: Log;
  /** A resource was changed, added or removed. */
  onChange(resources: readonly Resource[]): void;
}

/** Only names matter here; destination checks the specs. */
const STATIC_SERVICE: ResourceKind = { kind: "StaticService", apiVersion: API_VERSION, schema: {} };

/** Settles after the first read of the resources. */
export async function watchWrittenResources({
  source,
  ...options
}: WrittenResourcesOptions): Promise<WrittenResources> {
  const statics = await source.watch({ kinds: [STATIC_SERVICE] });
  const policies = await source.watch({ kinds: KINDS, ...options });
  return {
    staticServices: () => new Set(statics.list().map(({ metadata: { namespace, name } }) => `${namespace}/${name}`)),
    problems: () => [...source.problems(), ...policies.problems()],
    outdated: policies.outdated,
    stop() {
      statics.stop();
      policies.stop();
    },
  };
}
