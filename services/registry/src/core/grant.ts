import { create, type JsonObject } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type EventInterest,
  EventInterestSchema,
  FailurePolicy,
  type Grant,
  GrantSchema,
  type Hook,
  HookSchema,
  type Manifest,
} from "@patchbay/proto/mesh/registry/v1/plugin_pb";

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

/** Place in the chain of a resolver that does not say. */
const DEFAULT_ORDER = 500;
const DEFAULT_CONCURRENCY = 16;

/** Loopback and the private ranges of RFC 1918 and RFC 4193. */
const laptopNetworks: readonly string[] = [
  "127.0.0.0/8",
  "::1/128",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "fc00::/7",
];

/** Grants everything that the manifest asks for, within this machine's and private networks. */
export function developmentGrant(manifest: Manifest, config: JsonObject, deadlineMs: number): Grant {
  return create(GrantSchema, {
    source: "development",
    hooks: manifest.hooks.map((hook) => completeHook(hook, deadlineMs)),
    events: manifest.events.map(completeInterest),
    allowedNetworks: [...laptopNetworks],
    config,
  });
}

function completeHook(hook: Hook, deadlineMs: number): Hook {
  return create(HookSchema, {
    ...hook,
    deadline: hook.deadline ?? durationFromMs(deadlineMs),
    // A resolver observes; one that fails lets the chain go on unless it asks for the contrary.
    failurePolicy: hook.failurePolicy || FailurePolicy.OPEN,
    order: hook.order || DEFAULT_ORDER,
  });
}

function completeInterest(interest: EventInterest): EventInterest {
  return create(EventInterestSchema, { ...interest, concurrency: interest.concurrency || DEFAULT_CONCURRENCY });
}
