import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Problem, problemText, type Resource, type ResourceWatch, watchResources } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { developmentGrant, type GrantSource } from "../core/grant.ts";
import { checkConfig } from "./config-check.ts";

/** JSON Schema of a MeshPlugin's spec. In development only the configuration is the operator's; the rest comes from the manifest. */
const meshPlugin = {
  type: "object",
  properties: { config: { type: "object" } },
  additionalProperties: false,
};

/** Resources of other services in the same folder. */
const otherKinds: readonly string[] = ["StaticService"];

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
  let configs: ReadonlyMap<string, JsonObject> = new Map();
  let watch: ResourceWatch | undefined;
  const follow = (resources: readonly Resource[]): void => {
    const before = configs;
    configs = configsOf(resources);
    // Other kinds lie in the same folder; every listener answers with new grants and credentials for all plugins.
    if (isDeepStrictEqual(before, configs)) return;
    for (const listener of listeners) listener();
  };
  return {
    async start() {
      const onProblems = (problems: readonly Problem[]): void => report(problems, log);
      watch = await watchResources({
        dir: resourcesDir,
        kinds: { MeshPlugin: meshPlugin },
        otherKinds,
        onChange: follow,
        onProblems,
      });
    },
    stop: () => watch?.stop(),
    grant({ namespace, name }, manifest) {
      const { config, problem } = checkConfig(manifest.configSchema, configs.get(`${namespace}/${name}`));
      return { grant: developmentGrant(manifest, config, resolveDeadlineMs), configProblem: problem };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function configsOf(resources: readonly Resource[]): ReadonlyMap<string, JsonObject> {
  return new Map(
    resources.map(({ metadata: { namespace, name }, spec }) => [
      `${namespace}/${name}`,
      (spec as { config?: JsonObject }).config ?? {},
    ]),
  );
}

function report(problems: readonly Problem[], log: Log): void {
  for (const problem of problems) log.warn({ file: problem.file, line: problem.line }, problemText(problem));
}
