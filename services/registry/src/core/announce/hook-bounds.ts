import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { CHAIN_ORDER, hookKind } from "@patchbay/model";
import { FailurePolicy, type Hook, HookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";

/** The most that an operator lets one kind of hook have. What is unset is as the manifest asks. */
export interface HookBound {
  readonly deadlineMs?: number;
  readonly concurrency?: number;
}

/** By kind of hook. */
export type HookBounds = Readonly<Record<string, HookBound>>;

/** A hook of a checked manifest with everything said that it left out, and no more of it than its bound. */
export function boundHook(hook: Hook, bound: HookBound | undefined, resolveDeadlineMs: number): Hook {
  const kind = hookKind(hook.kind);
  const inChain = kind?.role !== "decision";
  const asked = hook.deadline ? durationMs(hook.deadline) : inChain ? resolveDeadlineMs : kind.deadlineMs;
  const concurrency = hook.concurrency || (kind?.concurrency ?? 0);
  return create(HookSchema, {
    ...hook,
    deadline: durationFromMs(Math.min(asked, bound?.deadlineMs ?? asked)),
    concurrency: Math.min(concurrency, bound?.concurrency ?? concurrency),
    // A resolver observes; one that fails lets the chain go on unless it asks for the contrary.
    failurePolicy: inChain ? hook.failurePolicy || FailurePolicy.OPEN : FailurePolicy.UNSPECIFIED,
    order: inChain ? hook.order || CHAIN_ORDER.plugin : 0,
  });
}
