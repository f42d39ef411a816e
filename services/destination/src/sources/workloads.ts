import { type Authority, CHAIN_ORDER, DEFAULT_NAMESPACE, type ServiceRef, serviceKey } from "@patchbay/model";
import type { Endpoint } from "@patchbay/proto/mesh/common/v1/endpoint_pb";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, type Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Workload } from "@patchbay/proto/mesh/registry/v1/workload_pb";
import type { RegistryView, Settings, ViewChange } from "@patchbay/runtime";
import { canonicalEndpoints } from "../core/endpoints.ts";
import type { ResolverEvent } from "../core/query.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { createOpenQueries } from "./open-queries.ts";
import type { Resolver } from "./resolver.ts";

export interface WorkloadsOptions {
  readonly view: RegistryView;
  readonly settings: Pick<Settings, "resolveDeadlineMs" | "staleForMs">;
}

/** Programs behind sidecars, as the registry knows them. */
export interface Workloads extends Resolver {
  stop(): void;
}

/**
 * A program serves an authority while its proxy is registered, alive and says that it accepts requests. Draining ones leave at
 * once. The resolver never breaks: while the registry is away, its last data stays in force. Until the first complete list of
 * registrations, an unknown name may still turn up, so the resolver waits instead of answering "absent".
 */
export function createWorkloads({ view, settings }: WorkloadsOptions): Workloads {
  const index = createIndex();
  let complete = view.complete();
  const queries = createOpenQueries(({ authority }) =>
    answerFor(authority, { found: index.find(authority), complete }),
  );
  index.take({ changed: view.list(Kind.PROXY), removed: [], complete });
  const unsubscribe = view.subscribe((change) => {
    const touched = index.take(change);
    // Once complete, it stays so: the view keeps its data when the registry becomes incomplete.
    const first = change.complete && !complete;
    complete ||= change.complete;
    queries.answerAgain(first ? undefined : touched);
  });
  return {
    spec: workloadsSpec(settings),
    suffixes: [],
    status: () => ({ ready: complete, reason: complete ? "" : "the registry has not given its whole picture yet" }),
    ask: (query, tell) => queries.ask(keyOfService(query.authority.service), query, tell),
    stop: unsubscribe,
  };
}

function workloadsSpec({ resolveDeadlineMs, staleForMs }: WorkloadsOptions["settings"]): ResolverSpec {
  return {
    name: "workloads",
    order: CHAIN_ORDER.workloads,
    // Names that only later resolvers know stay reachable while the registry is away.
    failOpen: true,
    deadlineMs: resolveDeadlineMs,
    staleForMs,
    usesContext: false,
    skips: ({ service }) => (service ? undefined : "not the name of a service"),
  };
}

interface Found {
  readonly registration: Registration;
  readonly workload: Workload;
}

interface Index {
  /** Returns the keys of the services that the change touches. */
  take(change: ViewChange): ReadonlySet<string>;
  find(authority: Authority): readonly Found[];
}

function createIndex(): Index {
  const keyOf = new Map<string, string>();
  const byService = new Map<string, Map<string, Found>>();
  const drop = (id: string, touched: Set<string>): void => {
    const key = keyOf.get(id);
    if (key === undefined) return;
    const found = byService.get(key);
    keyOf.delete(id);
    found?.delete(id);
    if (found?.size === 0) byService.delete(key);
    touched.add(key);
  };
  const add = (registration: Registration, touched: Set<string>): void => {
    const { announce } = registration;
    if (announce?.kind !== Kind.PROXY || !announce.workload || registration.state === State.GONE) return;
    const namespace = announce.namespace === "" ? DEFAULT_NAMESPACE : announce.namespace;
    const key = serviceKey({ name: announce.workload.service, namespace });
    keyOf.set(registration.id, key);
    const found = byService.get(key) ?? new Map<string, Found>();
    byService.set(key, found.set(registration.id, { registration, workload: announce.workload }));
    touched.add(key);
  };
  return {
    take({ changed, removed }) {
      const touched = new Set<string>();
      for (const id of [...removed, ...changed.map((one) => one.id)]) drop(id, touched);
      for (const registration of changed) add(registration, touched);
      return touched;
    },
    find: ({ service }) => [...(byService.get(keyOfService(service))?.values() ?? [])],
  };
}

function keyOfService(service: ServiceRef | undefined): string {
  return service === undefined ? "" : serviceKey(service);
}

const SERVING: ReadonlySet<State> = new Set([State.READY, State.DEGRADED]);

function answerFor(
  authority: Authority,
  { found, complete }: { found: readonly Found[]; complete: boolean },
): ResolverEvent {
  const onPort = found.filter(({ workload }) => workload.ports.length === 0 || workload.ports.includes(authority.port));
  const usable = onPort.filter(({ registration, workload }) => SERVING.has(registration.state) && workload.ready);
  const endpoints = usable
    .map(({ workload }) => workload.endpoint)
    .filter((endpoint): endpoint is Endpoint => !!endpoint);
  const partial = !complete;
  if (endpoints.length > 0) {
    const stale = usable.some(({ registration }) => registration.stale);
    return { kind: "answer", answer: { kind: "endpoints", endpoints: canonicalEndpoints(endpoints) }, partial, stale };
  }
  if (partial) return { kind: "waiting", reason: "the registry has not given its whole picture yet", partial };
  if (onPort.length > 0) return { kind: "answer", answer: { kind: "empty", detail: notServing(authority, onPort) } };
  const detail = found.length > 0 ? otherPorts(authority, found) : "";
  return { kind: "answer", answer: { kind: "absent", ...(detail === "" ? {} : { detail }) } };
}

function notServing({ shortHost }: Authority, found: readonly Found[]): string {
  const states = found.map(({ registration, workload }) => {
    const state = STATE_NAMES.get(registration.state) ?? "unknown";
    return workload.ready || !SERVING.has(registration.state) ? state : "not accepting requests";
  });
  return `${shortHost} exists and nobody serves it (${[...new Set(states)].sort().join(", ")})`;
}

const STATE_NAMES: ReadonlyMap<State, string> = new Map([
  [State.STARTING, "starting"],
  [State.QUARANTINED, "quarantined"],
  [State.DRAINING, "draining"],
]);

function otherPorts({ shortHost, port }: Authority, found: readonly Found[]): string {
  const ports = [...new Set(found.flatMap(({ workload }) => workload.ports))].sort((a, b) => a - b);
  return `${shortHost} is served on port ${ports.join(", ")}, not on ${port}`;
}
