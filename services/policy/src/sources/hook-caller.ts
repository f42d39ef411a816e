import { Code, ConnectError } from "@connectrpc/connect";
import { status } from "@grpc/grpc-js";
import { type DecisionHook, rendezvousOrder } from "@patchbay/model";
import { HookError, type HookInstance } from "./hook-instance.ts";
import type { HookPlugin, HookPlugins } from "./hook-plugins.ts";

/** One question to a plugin. */
export interface HookCall {
  readonly kind: DecisionHook;
  readonly plugin: { readonly namespace: string; readonly name: string };
  /** Equal questions go to the same instance while it is ready. */
  readonly key: string;
  readonly request: Uint8Array;
}

/** Asks plugins. Rejects with ConnectError, and within the plugin's deadline. */
export type HookCaller = (call: HookCall) => Promise<Uint8Array>;

const METHODS: Readonly<Record<DecisionHook, string>> = {
  authorize: "/mesh.plugin.v1.Authorizer/Authorize",
  ratelimit: "/mesh.plugin.v1.RateLimiter/Lease",
};

export function createHookCaller(plugins: HookPlugins, now: () => number): HookCaller {
  return async (call) => {
    const { namespace, name } = call.plugin;
    const title = `plugin ${namespace}/${name}`;
    const plugin = plugins.find(namespace, name, call.kind);
    if (!plugin)
      throw new ConnectError(`${title} with the hook ${call.kind} is not there. \`mesh plugins\``, Code.Unavailable);
    if (plugin.calls >= plugin.concurrency)
      throw new ConnectError(`${title} is asked ${plugin.concurrency} questions already`, Code.ResourceExhausted);
    plugin.calls += 1;
    try {
      return await ask({ call, plugin, title, now });
    } finally {
      plugin.calls -= 1;
    }
  };
}

interface Asking {
  readonly call: HookCall;
  readonly plugin: HookPlugin;
  readonly title: string;
  readonly now: () => number;
}

/** One instance after the other within one deadline; only what nobody has seen is asked again. */
async function ask({ call, plugin, title, now }: Asking): Promise<Uint8Array> {
  const until = now() + plugin.deadlineMs;
  let last = "its breaker is open after failures in a row";
  let code: number = status.UNAVAILABLE;
  for (const instance of rendezvousOrder(call.key, plugin.instances, ({ id }) => id)) {
    const left = Math.ceil(until - now());
    if (left <= 0) break;
    if (!instance.breaker.admits(now())) continue;
    const answer = await tryOne(instance, call, { left, now });
    if (!(answer instanceof HookError)) return answer;
    last = `${instance.id}: ${answer.message}`;
    code = answer.code;
    if (code !== status.UNAVAILABLE) break;
  }
  throw new ConnectError(`${title}: ${last}`, codeOf(code));
}

async function tryOne(
  instance: HookInstance,
  { kind, request }: HookCall,
  { left, now }: { readonly left: number; readonly now: () => number },
): Promise<Uint8Array | HookError> {
  try {
    const answer = await instance.call(METHODS[kind], request, left);
    instance.breaker.succeeded();
    return answer;
  } catch (error) {
    if (!(error instanceof HookError)) throw error;
    instance.breaker.failed(now());
    return error;
  }
}

function codeOf(code: number): Code {
  if (code === status.UNAVAILABLE) return Code.Unavailable;
  if (code === status.DEADLINE_EXCEEDED) return Code.DeadlineExceeded;
  if (code === status.RESOURCE_EXHAUSTED) return Code.ResourceExhausted;
  return Code.Internal;
}
