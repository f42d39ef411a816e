import { originText, problemText } from "@patchbay/model";
import { type Problem, type Resource, type ResourceWatch, watchResources } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import { checks, schemas } from "../core/kinds.ts";
import type { PolicyResource } from "../core/resource.ts";

/** What the folder of resources holds at the moment. */
export interface ResourceFiles {
  /** Of the policy service's kinds. */
  resources(): readonly Resource[];
  /** Services that people wrote down, as "namespace/name". */
  staticServices(): ReadonlySet<string>;
  problems(): readonly Problem[];
  /** Those in force of which there is a newer version that is wrong. */
  outdated(): ReadonlySet<PolicyResource>;
  stop(): void;
}

export interface ResourceFilesOptions {
  readonly dir: string;
  /** A file where last good versions outlive this process. */
  readonly memory: string;
  readonly log: Log;
  /** Some resource is another, new or gone. */
  onChange(resources: readonly Resource[]): void;
}

const STATIC_SERVICE = "StaticService";

/** Settles after the first look at the folder. */
export async function watchResourceFiles({ dir, memory, log, onChange }: ResourceFilesOptions): Promise<ResourceFiles> {
  let resources: readonly Resource[] = [];
  let staticServices: ReadonlySet<string> = new Set();
  let outdated: ReadonlySet<PolicyResource> = new Set();
  let problems: readonly Problem[] = [];
  const watch: ResourceWatch = await watchResources({
    dir,
    memory,
    // Of static services only the names matter here; their own reader says what is wrong with them.
    kinds: { ...schemas, [STATIC_SERVICE]: {} },
    checks,
    onChange(all, old) {
      outdated = old;
      resources = all.filter(({ kind }) => kind !== STATIC_SERVICE);
      staticServices = new Set(all.filter(({ kind }) => kind === STATIC_SERVICE).map(nameOf));
      onChange(resources);
    },
    onProblems(found) {
      for (const problem of found.filter((each) => !problems.includes(each)))
        log.warn({ origin: originText(problem.origin) }, problemText(problem));
      problems = found;
    },
  });
  return {
    resources: () => resources,
    staticServices: () => staticServices,
    problems: () => problems,
    outdated: () => outdated,
    stop: () => watch.stop(),
  };
}

function nameOf({ metadata: { namespace, name } }: Resource): string {
  return `${namespace}/${name}`;
}
