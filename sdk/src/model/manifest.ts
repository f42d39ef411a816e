import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { CHAIN_ORDER, DECISION_HOOKS, type DecisionHook, HOOK_KINDS, type HookName } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { HookSchema, ManifestSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { Duration } from "../public/duration.ts";
import type { DecisionOptions, ResolveOptions } from "../public/plugin.ts";
import type { RunnableDefinition } from "./definition.ts";
import { readDuration } from "./duration.ts";
import { EVENT_NAMES, type EventName } from "./events.ts";

/** What a plugin asks of the mesh, in plain values: survives a message between processes. */
export interface PluginManifest extends DecisionManifests {
  readonly name: string;
  readonly version: string;
  readonly resolve: ResolveManifest | undefined;
  readonly events: readonly EventManifest[];
  readonly configSchema: JsonObject | undefined;
}

/** By hook; undefined for those that the plugin does not have. */
type DecisionManifests = { readonly [Hook in DecisionHook]: DecisionManifest | undefined };

/** What a plugin asks for its hook `resolve`. */
export interface ResolveManifest {
  readonly suffixes: readonly string[];
  readonly order: number;
  readonly deadlineMs: number;
  readonly failurePolicy: "open" | "closed";
  readonly usesContext: boolean;
}

/** What a plugin asks for a hook that decides about requests. */
export interface DecisionManifest {
  readonly deadlineMs: number;
  readonly concurrency: number;
}

/** What a plugin asks for one class of events. */
export interface EventManifest {
  readonly name: EventName;
  readonly concurrency: number;
  readonly ordered: boolean;
  readonly timeoutMs: number;
}

/** Reads a checked definition, defaults filled in. */
export function readManifest(definition: RunnableDefinition, configSchema: JsonObject | undefined): PluginManifest {
  const { name, version = "0.0.0", hooks, options = {} } = definition;
  return {
    name,
    version,
    resolve: hooks?.resolve && readResolve(options.resolve ?? {}),
    ...readDecisions(definition),
    events: EVENT_NAMES.flatMap((event) => readEvent(definition, event)),
    configSchema,
  };
}

function readResolve(options: ResolveOptions): ResolveManifest {
  return {
    suffixes: options.suffixes ?? [],
    order: options.order ?? CHAIN_ORDER.plugin,
    deadlineMs: readDeadline("resolve", options.deadline),
    failurePolicy: options.failurePolicy ?? "open",
    usesContext: options.usesContext ?? false,
  };
}

function readDecisions({ hooks, options }: RunnableDefinition): DecisionManifests {
  const read = DECISION_HOOKS.map((hook) => [hook, hooks?.[hook] && readDecision(hook, options?.[hook])] as const);
  return Object.fromEntries(read) as DecisionManifests;
}

function readDecision(hook: DecisionHook, options: DecisionOptions = {}): DecisionManifest {
  const { deadline, concurrency = HOOK_KINDS[hook].concurrency } = options;
  return { deadlineMs: readDeadline(hook, deadline), concurrency };
}

function readDeadline(hook: HookName, deadline: Duration | undefined): number {
  return deadline === undefined ? HOOK_KINDS[hook].deadlineMs : readDuration(deadline, `options.${hook}.deadline`);
}

function readEvent({ on, options }: RunnableDefinition, name: EventName): EventManifest[] {
  if (!on?.[name]) return [];
  const { concurrency = 16, ordered = false, timeout = "5m" } = options?.[name] ?? {};
  return [{ name, concurrency, ordered, timeoutMs: readDuration(timeout, `options.${name}.timeout`) }];
}

/** The manifest as the contract's message. `sdk` is such as `"mesh-sdk/0.1.0"`. */
export function toManifestMessage(manifest: PluginManifest, sdk: string): MessageInitShape<typeof ManifestSchema> {
  return {
    hooks: [
      ...(manifest.resolve ? [toHook(manifest.resolve)] : []),
      ...DECISION_HOOKS.flatMap((hook) => toDecisionHook(manifest, hook)),
    ],
    events: manifest.events.map(({ name, concurrency, ordered }) => ({ class: name, concurrency, ordered })),
    sdk,
    ...(manifest.configSchema && { configSchema: manifest.configSchema }),
  };
}

/** The plugin answers hooks, so the mesh must know where. */
export function hasHooks(manifest: PluginManifest): boolean {
  return manifest.resolve !== undefined || DECISION_HOOKS.some((hook) => manifest[hook] !== undefined);
}

function toDecisionHook(manifest: PluginManifest, kind: DecisionHook): MessageInitShape<typeof HookSchema>[] {
  const asked = manifest[kind];
  if (asked === undefined) return [];
  const { deadlineMs, concurrency } = asked;
  return [{ kind: { case: kind, value: { concurrency } }, deadline: durationFromMs(deadlineMs) }];
}

function toHook(resolve: ResolveManifest): MessageInitShape<typeof HookSchema> {
  return {
    kind: {
      case: "resolve",
      value: {
        authoritySuffixes: [...resolve.suffixes],
        failurePolicy: resolve.failurePolicy === "closed" ? FailurePolicy.CLOSED : FailurePolicy.OPEN,
        order: resolve.order,
        usesContext: resolve.usesContext,
      },
    },
    deadline: durationFromMs(resolve.deadlineMs),
  };
}
