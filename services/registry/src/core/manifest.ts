import { durationMs } from "@bufbuild/protobuf/wkt";
import type { EventInterest, Hook, Manifest } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { check, clip, isDnsLabel } from "./check.ts";

/** Hooks of contract version 1. */
const hookKinds: readonly string[] = ["resolve"];
/** Hooks of later versions, so that the message can say more than "unknown". */
const laterHookKinds: readonly string[] = ["authorize", "ratelimit", "transform"];

/** Classes of events that a plugin may consume. */
export const EVENT_CLASSES: readonly string[] = ["report", "endpoint", "plugin"];

export const MAX_DEADLINE_MS = 30_000;
export const MAX_CONCURRENCY = 256;
const MAX_SUFFIXES = 64;
const MAX_ORDER = 10_000;

/** Throws INVALID_ARGUMENT with the field's path. */
export function checkManifest(manifest: Manifest): void {
  const field = "manifest";
  check(manifest.sdk.length <= 128, `${field}.sdk`, "is longer than 128 characters");
  for (const [index, hook] of manifest.hooks.entries()) checkHook(hook, `${field}.hooks[${index}]`);
  for (const [index, interest] of manifest.events.entries()) checkInterest(interest, `${field}.events[${index}]`);
  checkUnique(
    manifest.hooks.map((hook) => hook.kind),
    `${field}.hooks`,
    "hook",
  );
  checkUnique(
    manifest.events.map((interest) => interest.class),
    `${field}.events`,
    "event class",
  );
}

function checkHook(hook: Hook, field: string): void {
  const later = laterHookKinds.includes(hook.kind) ? "; it comes with a later contract version" : "";
  check(
    hookKinds.includes(hook.kind),
    `${field}.kind`,
    `unknown hook "${clip(hook.kind)}"${later}; known: ${hookKinds.join(", ")}`,
  );
  const suffixes = hook.authoritySuffixes;
  check(
    suffixes.length <= MAX_SUFFIXES,
    `${field}.authority_suffixes`,
    `${suffixes.length} are more than ${MAX_SUFFIXES}`,
  );
  for (const [index, suffix] of suffixes.entries()) checkSuffix(suffix, `${field}.authority_suffixes[${index}]`);
  const deadlineMs = hook.deadline ? durationMs(hook.deadline) : undefined;
  const withinLimits = deadlineMs === undefined || (deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS);
  check(
    withinLimits,
    `${field}.deadline`,
    `${(deadlineMs ?? 0) / 1000} s is not more than 0 s and at most ${MAX_DEADLINE_MS / 1000} s`,
  );
  check(hook.order >= 0 && hook.order <= MAX_ORDER, `${field}.order`, `${hook.order} is not within 0 to ${MAX_ORDER}`);
}

/** "corp.example" or "corp.example:8080", with or without a leading dot. */
function checkSuffix(suffix: string, field: string): void {
  const match = /^\.?([^:]+)(?::(\d{1,5}))?$/.exec(suffix);
  const labels = match?.[1]?.split(".") ?? [];
  const port = Number(match?.[2] ?? 1);
  const good = suffix.length <= 253 && labels.length > 0 && labels.every(isDnsLabel) && port >= 1 && port <= 65_535;
  check(
    good,
    field,
    `"${clip(suffix)}" is not a suffix of authorities such as "corp.example" or "corp.example:8080", in lower case`,
  );
}

function checkInterest(interest: EventInterest, field: string): void {
  const known = EVENT_CLASSES.includes(interest.class);
  check(known, `${field}.class`, `unknown event class "${clip(interest.class)}"; known: ${EVENT_CLASSES.join(", ")}`);
  check(
    interest.concurrency <= MAX_CONCURRENCY,
    `${field}.concurrency`,
    `${interest.concurrency} is more than ${MAX_CONCURRENCY}`,
  );
}

function checkUnique(names: readonly string[], field: string, what: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  check(twice === undefined, field, `the ${what} "${twice}" is there twice`);
}
