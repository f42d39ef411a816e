import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { CHAIN_ORDER, hookConcurrency, hookKind, hookNameOf } from "@patchbay/model";
import { FailurePolicy } from "@patchbay/proto/mesh/common/v1/policy_pb";
import {
  AuthorizeHookSchema,
  type Hook,
  HookSchema,
  RatelimitHookSchema,
  ResolveHookSchema,
} from "@patchbay/proto/mesh/registry/v1/plugin_pb";

/** The most that an operator lets one kind of hook have. What is unset is as the manifest asks. */
export interface HookBound {
  readonly deadlineMs?: number;
  readonly concurrency?: number;
}

/** By kind of hook. */
export type HookBounds = Readonly<Record<string, HookBound>>;

/** A hook of a checked manifest with everything said that it left out, and no more of it than its bound. */
export function boundHook(hook: Hook, bound: HookBound | undefined, resolveDeadlineMs: number): Hook {
  const kind = hookKind(hookNameOf(hook));
  const unasked = kind?.role === "decision" ? kind.deadlineMs : resolveDeadlineMs;
  const asked = hook.deadline ? durationMs(hook.deadline) : unasked;
  return create(HookSchema, {
    kind: boundKind(hook, bound),
    deadline: durationFromMs(Math.min(asked, bound?.deadlineMs ?? asked)),
  });
}

function boundKind(hook: Hook, bound: HookBound | undefined): Hook["kind"] {
  const { kind } = hook;
  switch (kind.case) {
    case "resolve": {
      const { failurePolicy, order } = kind.value;
      // A resolver observes; one that fails lets the chain go on unless it asks for the contrary.
      const complete = { failurePolicy: failurePolicy || FailurePolicy.OPEN, order: order || CHAIN_ORDER.plugin };
      return { case: "resolve", value: create(ResolveHookSchema, { ...kind.value, ...complete }) };
    }
    case "authorize":
      return { case: "authorize", value: create(AuthorizeHookSchema, { concurrency: boundConcurrency(hook, bound) }) };
    case "ratelimit":
      return { case: "ratelimit", value: create(RatelimitHookSchema, { concurrency: boundConcurrency(hook, bound) }) };
    default:
      return kind;
  }
}

function boundConcurrency(hook: Hook, bound: HookBound | undefined): number {
  const concurrency = hookConcurrency(hook) || (hookKind(hookNameOf(hook))?.concurrency ?? 0);
  return Math.min(concurrency, bound?.concurrency ?? concurrency);
}
