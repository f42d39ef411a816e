import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  HOOK_NAMES,
  type HookKind,
  hookKind,
  isDnsLabel,
  MAX_CHAIN_ORDER,
  PLANNED_HOOKS,
  printable,
} from "@patchbay/model";
import { FailurePolicy, type Hook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { check } from "./check.ts";

const MAX_SUFFIXES = 64;

/** Throws INVALID_ARGUMENT with the field's path, which begins with `field`. */
export function checkHook(hook: Hook, field: string): void {
  const kind = hookKind(hook.kind);
  const later = PLANNED_HOOKS.includes(hook.kind) ? "; it comes with a later contract version" : "";
  const known = HOOK_NAMES.join(", ");
  check(kind !== undefined, `${field}.kind`, `unknown hook "${printable(hook.kind)}"${later}; known: ${known}`);
  if (!kind) return;
  checkDeadline(hook, kind, field);
  checkConcurrency(hook, kind, field);
  if (kind.role === "chain") checkLink(hook, field);
  else checkNoLink(hook, field);
}

function checkDeadline({ deadline }: Hook, { maxDeadlineMs }: HookKind, field: string): void {
  const ms = deadline ? durationMs(deadline) : undefined;
  check(
    ms === undefined || (ms > 0 && ms <= maxDeadlineMs),
    `${field}.deadline`,
    `${(ms ?? 0) / 1000} s is not more than 0 s and at most ${maxDeadlineMs / 1000} s`,
  );
}

function checkConcurrency({ kind, concurrency }: Hook, { maxConcurrency }: HookKind, field: string): void {
  const message =
    maxConcurrency === 0
      ? `does not apply to "${kind}"; leave it out`
      : `${concurrency} is more than ${maxConcurrency}`;
  check(concurrency <= maxConcurrency, `${field}.concurrency`, message);
}

function checkLink({ authoritySuffixes: suffixes, order }: Hook, field: string): void {
  check(
    suffixes.length <= MAX_SUFFIXES,
    `${field}.authority_suffixes`,
    `${suffixes.length} are more than ${MAX_SUFFIXES}`,
  );
  for (const [index, suffix] of suffixes.entries()) checkSuffix(suffix, `${field}.authority_suffixes[${index}]`);
  check(order >= 0 && order <= MAX_CHAIN_ORDER, `${field}.order`, `${order} is not within 0 to ${MAX_CHAIN_ORDER}`);
}

/** What only a link of the chain of resolvers has is refused rather than ignored: its author would rely on it. */
function checkNoLink({ kind, failurePolicy, authoritySuffixes, order, usesContext }: Hook, field: string): void {
  check(
    failurePolicy === FailurePolicy.UNSPECIFIED,
    `${field}.failure_policy`,
    `does not apply to "${kind}": the policy that names the plugin says what happens when it does not answer; leave it out`,
  );
  const ofResolve = `applies to "resolve" only; leave it out of "${kind}"`;
  check(authoritySuffixes.length === 0, `${field}.authority_suffixes`, ofResolve);
  check(order === 0, `${field}.order`, ofResolve);
  check(!usesContext, `${field}.uses_context`, ofResolve);
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
