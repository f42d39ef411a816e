import { type Authority, CHAIN_ORDER, problemText, serviceKey } from "@patchbay/model";
import type { Resource, ResourceSource, Settings } from "@patchbay/runtime";
import type { Log } from "@patchbay/wire";
import type { Answer } from "../core/answer.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { createOpenQueries } from "./open-queries.ts";
import type { Resolver } from "./resolver.ts";
import { type StaticServiceSpec, staticAnswer, staticService } from "./static-service.ts";

export interface StaticServicesOptions {
  readonly resources: ResourceSource;
  readonly settings: Pick<Settings, "resolveDeadlineMs" | "staleForMs">;
  readonly log: Log;
}

export interface StaticServices extends Resolver {
  stop(): void;
}

/** StaticService resources as a resolver. Settles after the first read of the resources. */
export async function watchStaticServices({
  resources,
  settings,
  log,
}: StaticServicesOptions): Promise<StaticServices> {
  let services: ReadonlyMap<string, Entry> = new Map();
  const queries = createOpenQueries(({ authority }) => answerFor(authority, services));
  const watch = await resources.watch({
    kinds: [staticService],
    log,
    onChange(inForce) {
      services = new Map(inForce.map(toEntry));
      queries.answerAgain();
    },
  });
  return {
    spec: staticSpec(settings),
    suffixes: [],
    status: () => ({ ready: true, reason: watch.problems().map(problemText).join("; ") }),
    ask: (query, tell) => queries.ask("", query, tell),
    stop: () => watch.stop(),
  };
}

interface Entry {
  readonly ports: readonly number[];
  readonly answer: Answer;
}

function toEntry({ metadata: { name, namespace }, spec }: Resource): [string, Entry] {
  const checked = spec as StaticServiceSpec; // fits the schema and the check
  return [serviceKey({ namespace, name }), { ports: checked.ports ?? [], answer: staticAnswer(checked, namespace) }];
}

function answerFor({ service, port, shortHost }: Authority, services: ReadonlyMap<string, Entry>): ResolverEvent {
  const entry = service && services.get(serviceKey(service));
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
