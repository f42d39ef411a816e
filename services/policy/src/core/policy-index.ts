import { create } from "@bufbuild/protobuf";
import { PolicyRefSchema } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  type DefaultAction,
  type Inbound,
  InboundSchema,
  type Outbound,
} from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { createIndex } from "./index-by-key.ts";
import { KINDS } from "./kinds.ts";
import { mergeOutbound, targetOf } from "./outbound.ts";
import type { CompiledPolicy } from "./policy-kind.ts";
import { compareNames } from "./precedence.ts";
import { type PolicyResource, resourceName, wholeNamespace } from "./resource.ts";

/** Services that a change affects. */
export interface ChangedServices {
  /** "namespace/name", or "namespace/*" for all of a namespace: inbound requests. */
  readonly inbound: ReadonlySet<string>;
  /** "namespace/name": requests to it. */
  readonly outbound: ReadonlySet<string>;
}

/** All resources in force, indexed by the services that they are about. */
export interface PolicyIndex {
  /**
   * Takes a new set of resources, and returns the services that the change affects. Compiles only resources that are not
   * the same objects as before.
   */
  replace(resources: readonly PolicyResource[]): ChangedServices;
  /** In the order of their names. */
  all(): readonly CompiledPolicy[];
  /** Policies on inbound requests of a workload, in the order of their names. */
  about(workload: Workload): readonly CompiledPolicy[];
  inbound(workload: Workload): Inbound;
  /** The rules that clients of a namespace apply to requests for a host. The same object until a change affects it. */
  outbound(clients: string, host: string): Outbound;
}

export interface Workload {
  readonly namespace: string;
  readonly name: string;
}

export function createPolicyIndex(defaultAction: DefaultAction): PolicyIndex {
  let known: ReadonlyMap<string, CompiledPolicy> = new Map();
  let sorted: readonly CompiledPolicy[] = [];
  const inbound = createIndex<CompiledPolicy>();
  const outbound = createIndex<CompiledPolicy>();
  const merged = createMerged((service) => outbound.get(service));
  const about = ({ namespace, name }: Workload): readonly CompiledPolicy[] => {
    const found = [...inbound.get(wholeNamespace(namespace)), ...inbound.get(`${namespace}/${name}`)];
    return found.sort((a, b) => compareNames(a.resource, b.resource));
  };
  const file = (action: "add" | "remove", each: CompiledPolicy): void => {
    for (const key of each.inbound) inbound[action](key, each);
    for (const key of each.outbound) outbound[action](key, each);
  };
  return {
    replace(resources) {
      const { next, removed, added } = difference(known, resources);
      for (const each of removed) file("remove", each);
      for (const each of added) file("add", each);
      known = next;
      sorted = [...next.values()].sort((a, b) => compareNames(a.resource, b.resource));
      const changed = [...removed, ...added];
      const touched = {
        inbound: new Set(changed.flatMap((each) => each.inbound)),
        outbound: new Set(changed.flatMap((each) => each.outbound)),
      };
      for (const service of touched.outbound) merged.forget(service);
      return touched;
    },
    all: () => sorted,
    about,
    inbound(workload) {
      const parts = about(workload).map(({ part }) => part);
      return create(InboundSchema, {
        defaultAction,
        authorization: parts.flatMap(({ authorization }) => authorization ?? []),
        rateLimits: parts.flatMap(({ rateLimit }) => rateLimit ?? []),
      });
    },
    outbound: merged.get,
  };
}

interface Merged {
  get(clients: string, host: string): Outbound;
  /** Drops what was merged for a service. */
  forget(service: string): void;
}

/** Caches merged rules until they are forgotten; most targets have nothing to merge. */
function createMerged(about: (service: string) => readonly CompiledPolicy[]): Merged {
  const byService = new Map<string, Map<string, Outbound>>();
  return {
    get(clients, host) {
      const target = targetOf(host);
      const here = target.service === undefined ? [] : about(target.service);
      if (here.length === 0 || target.service === undefined) return mergeOutbound(target, clients, []);
      const byClients = byService.get(target.service) ?? new Map<string, Outbound>();
      byService.set(target.service, byClients);
      const found = byClients.get(clients) ?? mergeOutbound(target, clients, here);
      byClients.set(clients, found);
      return found;
    },
    forget: (service) => void byService.delete(service),
  };
}

interface Difference {
  readonly next: ReadonlyMap<string, CompiledPolicy>;
  readonly removed: readonly CompiledPolicy[];
  readonly added: readonly CompiledPolicy[];
}

function difference(known: ReadonlyMap<string, CompiledPolicy>, resources: readonly PolicyResource[]): Difference {
  const next = new Map<string, CompiledPolicy>();
  const added: CompiledPolicy[] = [];
  for (const resource of resources) {
    const name = resourceName(resource);
    const before = known.get(name);
    const compiled = before?.resource === resource ? before : compileResource(resource);
    if (compiled !== before) added.push(compiled);
    next.set(name, compiled);
  }
  const removed = [...known].filter(([name, each]) => next.get(name) !== each).map(([, each]) => each);
  return { next, removed, added };
}

const KINDS_BY_NAME = new Map(KINDS.map((kind) => [kind.kind, kind]));

/** Compiles a resource that has passed its kind's checks. */
function compileResource(resource: PolicyResource): CompiledPolicy {
  const kind = KINDS_BY_NAME.get(resource.kind);
  if (!kind) throw new Error(`${resource.kind} is none of the kinds that are read here`);
  const { namespace, name } = resource.metadata;
  const ref = create(PolicyRefSchema, { kind: kind.kind, namespace, name });
  return { kind, resource, ref, ...kind.compile(resource, ref) };
}
