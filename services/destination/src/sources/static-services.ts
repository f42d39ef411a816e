import { CHAIN_ORDER, originText, problemText } from "@patchbay/model";
import { type Problem, type Resource, type Settings, watchResources } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import type { Answer } from "../core/answer.ts";
import type { Authority } from "../core/authority.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { createAsked } from "./asked.ts";
import type { Resolver } from "./resolver.ts";
import {
  checkStaticService,
  STATIC_SERVICE,
  type StaticServiceSpec,
  staticAnswer,
  staticServiceSchema,
} from "./static-service.ts";

export interface StaticServicesOptions {
  /** Folder of YAML resources. */
  readonly dir: string;
  readonly settings: Pick<Settings, "resolveDeadlineMs" | "staleForMs">;
  readonly log: Log;
  readonly pollMs?: number;
}

export interface StaticServices extends Resolver {
  /** What is wrong in the files at the moment. */
  problems(): readonly Problem[];
  stop(): void;
}

/** Services that people wrote down in files. Settles after the first look at the folder. */
export async function watchStaticServices(options: StaticServicesOptions): Promise<StaticServices> {
  let services: ReadonlyMap<string, Entry> = new Map();
  let problems: readonly Problem[] = [];
  const asked = createAsked(({ authority }) => answerFor(authority, services));
  const watch = await watchResources({
    dir: options.dir,
    kinds: { [STATIC_SERVICE]: staticServiceSchema },
    checks: { [STATIC_SERVICE]: checkStaticService },
    ...(options.pollMs === undefined ? {} : { pollMs: options.pollMs }),
    onChange(resources) {
      services = new Map(resources.map(toEntry));
      asked.answerAgain();
    },
    onProblems(found) {
      problems = found;
      for (const problem of found) options.log.warn({ origin: originText(problem.origin) }, problemText(problem));
    },
  });
  return {
    spec: staticSpec(options.settings),
    suffixes: [],
    problems: () => problems,
    status: () => ({ ready: true, reason: problems.map(problemText).join("; ") }),
    ask: (question, tell) => asked.ask("", question, tell),
    stop: () => watch.stop(),
  };
}

interface Entry {
  readonly ports: readonly number[];
  readonly answer: Answer;
}

function toEntry({ metadata: { name, namespace }, spec }: Resource): [string, Entry] {
  const checked = spec as StaticServiceSpec; // fits the schema and the check
  return [`${namespace}/${name}`, { ports: checked.ports ?? [], answer: staticAnswer(checked, namespace) }];
}

function answerFor({ service, port, shortHost }: Authority, services: ReadonlyMap<string, Entry>): ResolverEvent {
  const entry = service && services.get(`${service.namespace}/${service.name}`);
  if (!entry) return { kind: "answer", answer: { kind: "absent" } };
  if (entry.ports.length === 0 || entry.ports.includes(port)) return { kind: "answer", answer: entry.answer };
  const detail = `${shortHost} is written down for port ${entry.ports.join(", ")}, not for ${port}`;
  return { kind: "answer", answer: { kind: "absent", detail } };
}

function staticSpec({ resolveDeadlineMs, staleForMs }: StaticServicesOptions["settings"]): ResolverSpec {
  return {
    name: "static-services",
    order: CHAIN_ORDER.staticServices,
    failOpen: true,
    deadlineMs: resolveDeadlineMs,
    staleForMs,
    usesContext: false,
    skips: ({ service }) => (service ? undefined : "not the name of a service"),
  };
}
