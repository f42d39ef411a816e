import { create, type JsonObject } from "@bufbuild/protobuf";
import { hookNameOf, PRIVATE_NETWORKS } from "@patchbay/model";
import {
  type EventInterest,
  EventInterestSchema,
  type Grant,
  GrantSchema,
  type Manifest,
} from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { boundHook, type HookBounds } from "./hook-bounds.ts";

/** What governs a plugin, and what is wrong with its configuration (empty: nothing). */
export interface Granted {
  readonly grant: Grant;
  readonly configProblem: string;
}

/** Decides what a plugin gets of what it asks for. */
export interface GrantSource {
  grant(plugin: { readonly namespace: string; readonly name: string }, manifest: Manifest): Granted;
  /** Calls back when answers may have changed; returns how to stop that. */
  onChange(listener: () => void): () => void;
}

const DEFAULT_CONCURRENCY = 16;

/** What development's grants depend on beside the manifest. */
export interface DevelopmentGrant {
  readonly config: JsonObject;
  /** The most that hooks get. */
  readonly bounds: HookBounds;
  /** Deadline of resolvers that do not say. */
  readonly resolveDeadlineMs: number;
}

/** Grants everything that the manifest asks for, up to the bounds, within this machine's and private networks. */
export function developmentGrant(manifest: Manifest, options: DevelopmentGrant): Grant {
  const { config, bounds, resolveDeadlineMs } = options;
  return create(GrantSchema, {
    source: "development",
    hooks: manifest.hooks.map((hook) => boundHook(hook, bounds[hookNameOf(hook)], resolveDeadlineMs)),
    events: manifest.events.map(completeInterest),
    allowedNetworks: [...PRIVATE_NETWORKS],
    config,
  });
}

function completeInterest(interest: EventInterest): EventInterest {
  return create(EventInterestSchema, { ...interest, concurrency: interest.concurrency || DEFAULT_CONCURRENCY });
}
