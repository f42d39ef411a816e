import type { JsonObject } from "@bufbuild/protobuf";
import { DURATION_HINT, HOOK_KINDS, hookKind, parseDuration } from "@patchbay/model";
import { API_VERSION, type ResourceKind, type SpecProblem } from "@patchbay/runtime";
import type { HookBound, HookBounds } from "../core/announce/hook-bounds.ts";

/** What an operator says of a plugin. */
export interface MeshPluginSpec {
  readonly config?: JsonObject;
  readonly hooks?: Readonly<Record<string, { readonly deadline?: string; readonly concurrency?: number }>>;
}

const deadline = { type: "string", minLength: 1, maxLength: 32 };

/** In development what is not bounded here is granted as the manifest asks. */
const schema = {
  type: "object",
  properties: {
    config: { type: "object" },
    hooks: {
      type: "object",
      properties: Object.fromEntries(
        Object.values(HOOK_KINDS).map(({ name, maxConcurrency }) => [name, hookSchema(maxConcurrency)]),
      ),
      additionalProperties: false,
    },
  },
  additionalProperties: false,
};

function hookSchema(maxConcurrency: number): object {
  const counted = maxConcurrency > 0;
  const concurrency = { type: "integer", minimum: 1, maximum: maxConcurrency };
  return {
    type: "object",
    properties: { deadline, ...(counted && { concurrency }) },
    additionalProperties: false,
  };
}

/** What no schema says: a bound that would let nothing be answered, or bounds nothing. */
function check({ hooks = {} }: MeshPluginSpec): readonly SpecProblem[] {
  return Object.entries(hooks).flatMap(([name, hook]) => {
    const most = hookKind(name)?.maxDeadlineMs ?? 0;
    if (hook.deadline === undefined) return [];
    const ms = parseDuration(hook.deadline);
    if (ms === undefined) {
      const message = `spec.hooks.${name}.deadline ${JSON.stringify(hook.deadline)} is not a duration`;
      return [{ path: ["hooks", name, "deadline"], message, hint: DURATION_HINT }];
    }
    if (ms > 0 && ms <= most) return [];
    const message = `spec.hooks.${name}.deadline ${hook.deadline} is not more than 0 s and at most ${most / 1_000} s`;
    return [{ path: ["hooks", name, "deadline"], message, hint: "such as 100ms" }];
  });
}

export const meshPlugin: ResourceKind<MeshPluginSpec> = { kind: "MeshPlugin", apiVersion: API_VERSION, schema, check };

/** The bounds of a spec that was checked. */
export function boundsOf({ hooks = {} }: MeshPluginSpec): HookBounds {
  const bounds = Object.entries(hooks).map(([name, { deadline: text, concurrency }]): [string, HookBound] => [
    name,
    {
      ...(text !== undefined && { deadlineMs: parseDuration(text) ?? 0 }),
      ...(concurrency !== undefined && { concurrency }),
    },
  ]);
  return Object.fromEntries(bounds);
}
