import { durationMs } from "@bufbuild/protobuf/wkt";
import { hookConcurrency, hookNameOf } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import type { Hook, ResolveHook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";

/** What a plugin is granted for one hook, in one line: `authorize: answers within 200ms, 64 calls at a time`. */
export function hookLine(hook: Hook): string {
  const { kind, deadline } = hook;
  const ms = deadline ? durationMs(deadline) : 0;
  const concurrency = hookConcurrency(hook);
  const within = ms > 0 ? [`answers within ${ms < 1_000 ? `${ms}ms` : `${ms / 1_000}s`}`] : [];
  const calls = concurrency > 0 ? [`${concurrency} calls at a time`] : [];
  const place = kind.case === "resolve" ? placeInChain(kind.value) : [];
  return `${hookNameOf(hook)}: ${[...within, ...calls, ...place].join(", ")}`;
}

function placeInChain({ authoritySuffixes, order, failurePolicy }: ResolveHook): readonly string[] {
  const names = authoritySuffixes.length > 0 ? `for ${authoritySuffixes.join(", ")}` : "for every name";
  return [names, `place ${order}`, failurePolicy === FailurePolicy.CLOSED ? "fails closed" : "fails open"];
}

/** The same for scripts. */
export function hookJson(hook: Hook): object {
  const { kind, deadline } = hook;
  const common = { kind: hookNameOf(hook), deadlineMs: deadline ? durationMs(deadline) : 0 };
  if (kind.case !== "resolve") return { ...common, concurrency: hookConcurrency(hook) };
  return { ...common, suffixes: kind.value.authoritySuffixes, order: kind.value.order };
}
