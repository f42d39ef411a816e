import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { FailurePolicy, type Hook, HookSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { DECISION_DEADLINE_MS, HOOK_KINDS } from "./hook-kinds.ts";

/** The most that an operator lets one kind of hook have. What is unset is as the manifest asks. */
export interface HookBound {
  readonly deadlineMs?: number;
  readonly concurrency?: number;
}

/** By kind of hook. */
export type HookBounds = Readonly<Record<string, HookBound>>;

/** Place in the chain of a resolver that does not say. */
const DEFAULT_ORDER = 500;

/** A hook of a checked manifest with everything said that it left out, and no more of it than its bound. */
export function boundHook(hook: Hook, bound: HookBound | undefined, resolveDeadlineMs: number): Hook {
  const kind = HOOK_KINDS.get(hook.kind);
  const inChain = kind?.inChain ?? true;
  const asked = hook.deadline ? durationMs(hook.deadline) : inChain ? resolveDeadlineMs : DECISION_DEADLINE_MS;
  const concurrency = hook.concurrency || (kind?.concurrency ?? 0);
  return create(HookSchema, {
    ...hook,
    deadline: durationFromMs(Math.min(asked, bound?.deadlineMs ?? asked)),
    concurrency: Math.min(concurrency, bound?.concurrency ?? concurrency),
    // A resolver observes; one that fails lets the chain go on unless it asks for the contrary.
    failurePolicy: inChain ? hook.failurePolicy || FailurePolicy.OPEN : FailurePolicy.UNSPECIFIED,
    order: inChain ? hook.order || DEFAULT_ORDER : 0,
  });
}
