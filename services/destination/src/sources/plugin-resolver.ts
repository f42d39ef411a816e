import { create, toBinary } from "@bufbuild/protobuf";
import { ResolveRequestSchema } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { Query } from "../core/chain.ts";
import { type Limits, objection } from "../core/limits.ts";
import type { ResolverSpec } from "../core/resolver-spec.ts";
import { parseSuffixes } from "../core/suffix.ts";
import { createGate } from "./gate.ts";
import { type ResolverGrant, useOf } from "./plugin-hook.ts";
import { createPluginInstance, type PluginInstance } from "./plugin-instance.ts";
import { type PluginQuery, queryPlugin } from "./plugin-query.ts";
import type { OnResolverEvent, Resolver } from "./resolver.ts";

export interface PluginResolverOptions {
  /** Such as "plugin/legacy-hosts". */
  readonly name: string;
  readonly staleForMs: number;
  readonly pingMs: number;
  readonly coalesceMs: number;
  /** What proves the core to an instance. */
  hookToken(registration: Registration): string;
  controlPlanePorts(): ReadonlySet<number>;
  now(): number;
  onViolation(link: string, rule: string): void;
}

/** A resolver plugin with all its instances. */
export interface PluginResolver extends Resolver {
  update(registrations: readonly Registration[], grant: ResolverGrant): void;
  close(): void;
}

/** First answers that are waited for at a time; streams that have answered do not count. */
const MAX_OPENING = 64;
/** Authorities that one plugin is asked for at a time. */
const MAX_QUESTIONS = 10_000;

export function createPluginResolver(options: PluginResolverOptions, grant: ResolverGrant): PluginResolver {
  let granted = grant;
  const limits = (): Limits => ({ networks: granted.networks, ownPorts: options.controlPlanePorts() });
  let spec = specOf(options, granted, limits);
  const instances = new Map<string, PluginInstance>();
  const questions = new Set<PluginQuery>();
  const gate = createGate(MAX_OPENING);

  const ask = (question: Query, tell: OnResolverEvent): (() => void) => {
    if (questions.size >= MAX_QUESTIONS) {
      tell({ kind: "broken", hard: true, reason: `is asked for ${MAX_QUESTIONS} authorities already` });
      return () => undefined;
    }
    const asked = queryPlugin({
      authority: question.authority,
      request: encodeRequest(question),
      tell,
      deadlineMs: granted.deadlineMs,
      maxRetryMs: options.staleForMs / 2,
      gate,
      instances: () => [...instances.values()],
      limits,
      now: options.now,
      onViolation: (rule) => options.onViolation(options.name, rule),
    });
    questions.add(asked);
    return () => {
      questions.delete(asked);
      asked.close();
    };
  };

  return {
    get spec() {
      return spec;
    },
    get suffixes() {
      return granted.suffixes;
    },
    status: () => statusOf([...instances.values()]),
    ask,
    update(registrations, next) {
      // A new spec means that everything is evaluated anew, so it is made only when it differs.
      if (!sameGrant(granted, next)) {
        granted = next;
        spec = specOf(options, granted, limits);
      }
      if (!updateInstances(instances, registrations, options)) return;
      for (const question of questions) question.instancesChanged();
    },
    close() {
      for (const question of questions) question.close();
      for (const instance of instances.values()) instance.close();
    },
  };
}

/** Plain data on both sides. */
function sameGrant(a: ResolverGrant, b: ResolverGrant): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function specOf({ name, staleForMs }: PluginResolverOptions, grant: ResolverGrant, limits: () => Limits): ResolverSpec {
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

function encodeRequest({ authority, asker }: Query): Uint8Array {
  const { key, shortHost, port } = authority;
  const context = asker.context ? { context: asker.context } : {};
  return toBinary(
    ResolveRequestSchema,
    create(ResolveRequestSchema, { authority: key, host: shortHost, port, ...context }),
  );
}

/** Whether anything changed. An instance that came back under another address is another one. */
function updateInstances(
  instances: Map<string, PluginInstance>,
  registrations: readonly Registration[],
  options: PluginResolverOptions,
): boolean {
  const known = new Set<string>();
  let changed = false;
  for (const registration of registrations) {
    const { instance: id = "", address = "" } = registration.announce ?? {};
    const key = `${id} ${address}`;
    known.add(key);
    const { pingMs, coalesceMs: restMs } = options;
    const instance =
      instances.get(key) ??
      createPluginInstance({ id, address, hookToken: options.hookToken(registration), pingMs, restMs });
    instances.set(key, instance);
    const use = useOf(registration);
    changed ||= instance.use !== use;
    // The registry has just reached it: whatever failed before is over.
    if (use === "ready" && instance.use !== "ready") instance.breaker.succeeded();
    Object.assign(instance, { use, reason: registration.reason });
  }
  for (const [key, instance] of instances) {
    if (known.has(key)) continue;
    Object.assign(instance, { use: "left", reason: "it is no longer registered" });
    changed = true;
    instances.delete(key);
    // Questions on it hear of its state first, so that they move instead of seeing a broken connection.
    setImmediate(() => instance.close());
  }
  return changed;
}

/** Instances that are gone for good are of interest only while nobody has taken their place. */
function statusOf(instances: readonly PluginInstance[]): { ready: boolean; reason: string } {
  const ready = instances.some(({ use }) => use === "ready");
  const others = instances.filter(({ use }) => use !== "ready" && !(ready && (use === "broken" || use === "left")));
  const texts = others.slice(0, 3).map(({ id, use, reason }) => `${id} is ${use}${reason ? `: ${reason}` : ""}`);
  const more = others.length > 3 ? [`${others.length - 3} more`] : [];
  return { ready, reason: [...texts, ...more].join("; ") };
}
