import { durationMs } from "@bufbuild/protobuf/wkt";
import { FailurePolicy, type Hook } from "@patchbay/proto/mesh/registry/v1/plugin_pb";

/** What a plugin is granted for one hook, in one line: `authorize: answers within 200ms, 64 calls at a time`. */
export function hookLine(hook: Hook): string {
  const { kind, deadline, concurrency } = hook;
  const ms = deadline ? durationMs(deadline) : 0;
  const within = ms > 0 ? [`answers within ${ms < 1_000 ? `${ms}ms` : `${ms / 1_000}s`}`] : [];
  const calls = concurrency > 0 ? [`${concurrency} calls at a time`] : [];
  return `${kind}: ${[...within, ...calls, ...(kind === "resolve" ? placeInChain(hook) : [])].join(", ")}`;
}

function placeInChain({ authoritySuffixes, order, failurePolicy }: Hook): readonly string[] {
  const names = authoritySuffixes.length > 0 ? `for ${authoritySuffixes.join(", ")}` : "for every name";
  return [names, `place ${order}`, failurePolicy === FailurePolicy.CLOSED ? "fails closed" : "fails open"];
}

/** The same for scripts. */
export function hookJson({ kind, deadline, concurrency, authoritySuffixes, order }: Hook): object {
  const common = { kind, deadlineMs: deadline ? durationMs(deadline) : 0 };
  return kind === "resolve" ? { ...common, suffixes: authoritySuffixes, order } : { ...common, concurrency };
}
