import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type HookKind, hookConcurrency, hookNameOf } from "@patchbay/model";
import type { Grant, Hook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import type { PluginInstance } from "./plugin-instance.ts";

/** The grant for one hook, clamped to the bounds of the hook's kind. */
export interface GrantedHook {
  readonly deadlineMs: number;
  /** Calls at a time. 0: not counted. */
  readonly concurrency: number;
  readonly hook: Hook;
  readonly grant: Grant;
}

/** Undefined: the registration is not granted the hook. */
export function grantedHook({ grant }: Registration, kind: HookKind): GrantedHook | undefined {
  const hook = grant?.hooks.find((each) => hookNameOf(each) === kind.name);
  if (grant === undefined || hook === undefined) return undefined;
  const ms = hook.deadline ? durationMs(hook.deadline) : 0;
  const calls = hookConcurrency(hook);
  return {
    deadlineMs: ms > 0 ? Math.min(ms, kind.maxDeadlineMs) : kind.deadlineMs,
    concurrency: Math.min(calls === 0 ? kind.concurrency : calls, kind.maxConcurrency),
    hook,
    grant,
  };
}

/** The instance whose grant applies to all: the newest of those in use. */
export function newestInUse<Instance extends PluginInstance>(instances: readonly Instance[]): Instance | undefined {
  return [...instances].sort((a, b) => (rank(a) === rank(b) ? sinceMs(b) - sinceMs(a) : rank(b) - rank(a)))[0];
}

function rank({ use }: PluginInstance): number {
  return use === "ready" ? 2 : use === "doubtful" ? 1 : 0;
}

function sinceMs({ registration: { since } }: PluginInstance): number {
  return since === undefined ? 0 : timestampMs(since);
}
