import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  HOOK_NAMES,
  type HookKind,
  hookConcurrency,
  hookKind,
  hookNameOf,
  isDnsLabel,
  MAX_CHAIN_ORDER,
  PLANNED_HOOKS,
  printable,
} from "@patchbay/model";
import type { Hook, ResolveHook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { check } from "./check.ts";

const MAX_SUFFIXES = 64;

/** Throws INVALID_ARGUMENT with the field's path, which begins with `field`. */
export function checkHook(hook: Hook, field: string): void {
  const kind = hookKind(hookNameOf(hook));
  const known = HOOK_NAMES.join(", ");
  const later = `a later contract version has ${PLANNED_HOOKS.join(", ")}`;
  check(
    kind !== undefined,
    `${field}.kind`,
    `not set, or a hook that this core does not know; known: ${known}; ${later}`,
  );
  if (!kind) return;
  checkDeadline(hook, kind, field);
  if (hook.kind.case === "resolve") checkResolve(hook.kind.value, `${field}.resolve`);
  else checkConcurrency(hook, kind, field);
}

function checkDeadline({ deadline }: Hook, { maxDeadlineMs }: HookKind, field: string): void {
  const ms = deadline ? durationMs(deadline) : undefined;
  check(
    ms === undefined || (ms > 0 && ms <= maxDeadlineMs),
    `${field}.deadline`,
    `${(ms ?? 0) / 1000} s is not more than 0 s and at most ${maxDeadlineMs / 1000} s`,
  );
}

function checkConcurrency(hook: Hook, { name, maxConcurrency }: HookKind, field: string): void {
  const concurrency = hookConcurrency(hook);
  check(concurrency <= maxConcurrency, `${field}.${name}.concurrency`, `${concurrency} is more than ${maxConcurrency}`);
}

function checkResolve({ authoritySuffixes: suffixes, order }: ResolveHook, field: string): void {
  check(
    suffixes.length <= MAX_SUFFIXES,
    `${field}.authority_suffixes`,
    `${suffixes.length} are more than ${MAX_SUFFIXES}`,
  );
  for (const [index, suffix] of suffixes.entries()) checkSuffix(suffix, `${field}.authority_suffixes[${index}]`);
  check(order >= 0 && order <= MAX_CHAIN_ORDER, `${field}.order`, `${order} is not within 0 to ${MAX_CHAIN_ORDER}`);
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
    `"${printable(suffix)}" is not a suffix of authorities such as "corp.example" or "corp.example:8080", in lower case`,
  );
}
