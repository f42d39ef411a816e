import { hookNameOf, printable } from "@patchbay/model";
import type { EventInterest, Manifest } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { check } from "./check.ts";
import { checkHook } from "./hook-check.ts";

/** Classes of events that a plugin may consume. */
export const EVENT_CLASSES: readonly string[] = ["report", "endpoint", "plugin", "slo"];

const MAX_CONCURRENCY = 256;

/** Throws INVALID_ARGUMENT with the field's path. */
export function checkManifest(manifest: Manifest): void {
  const field = "manifest";
  check(manifest.sdk.length <= 128, `${field}.sdk`, "is longer than 128 characters");
  for (const [index, hook] of manifest.hooks.entries()) checkHook(hook, `${field}.hooks[${index}]`);
  for (const [index, interest] of manifest.events.entries()) checkInterest(interest, `${field}.events[${index}]`);
  checkUnique(manifest.hooks.map(hookNameOf), `${field}.hooks`, "hook");
  checkUnique(
    manifest.events.map((interest) => interest.class),
    `${field}.events`,
    "event class",
  );
}

function checkInterest(interest: EventInterest, field: string): void {
  const known = EVENT_CLASSES.includes(interest.class);
  check(
    known,
    `${field}.class`,
    `unknown event class "${printable(interest.class)}"; known: ${EVENT_CLASSES.join(", ")}`,
  );
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
