import { type DescMessage, type DescMethodUnary, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AnswerError, type Clock, type DecisionHook, rendezvousOrder } from "@patchbay/model";
import { usable } from "../directory/instance-use.ts";
import type { HookedPlugin, PluginDirectory } from "../directory/plugin-directory.ts";
import type { PluginInstance } from "../directory/plugin-instance.ts";
import { type CallMetrics, resultOf } from "./metrics.ts";

/** One question to a plugin. */
export interface UnaryCall<Question extends DescMessage, Answer extends DescMessage, Read> {
  /** A row of the table of hook kinds. */
  readonly hook: { readonly name: DecisionHook; readonly method: DescMethodUnary<Question, Answer> };
  readonly plugin: { readonly namespace: string; readonly name: string };
  /** Equal questions go to the same instance while it is ready. */
  readonly key: string;
  readonly question: MessageShape<Question>;
  /** Takes what is needed out of the answer. Throws AnswerError when the answer breaks the contract. */
  readonly read: (answer: MessageShape<Answer>) => Read;
}

/** Asks plugins. Rejects with ConnectError, and within the deadline that the plugin is granted. */
export type CallUnary = <Question extends DescMessage, Answer extends DescMessage, Read>(
  call: UnaryCall<Question, Answer, Read>,
) => Promise<Read>;

export interface CallUnaryOptions {
  readonly directory: Pick<PluginDirectory, "find">;
  readonly metrics: CallMetrics;
  readonly clock: Pick<Clock, "now">;
}

export function createCallUnary(options: CallUnaryOptions): CallUnary {
  return async (call) => {
    const { hook, plugin } = call;
    try {
      const answer = await askPlugin(call, options);
      options.metrics.ended(plugin, hook.name, "answered");
      return answer;
    } catch (error) {
      options.metrics.ended(plugin, hook.name, resultOf(error));
      throw error;
    }
  };
}

async function askPlugin<Question extends DescMessage, Answer extends DescMessage, Read>(
  { hook, plugin: { namespace, name }, key, question, read }: UnaryCall<Question, Answer, Read>,
  { directory, clock }: CallUnaryOptions,
): Promise<Read> {
  const title = `plugin ${namespace}/${name}`;
  const plugin = directory.find(hook.name, namespace, name);
  if (plugin === undefined || usable(plugin.instances).length === 0)
    throw new ConnectError(`${title} with the hook ${hook.name} is not there. \`mesh plugins\``, Code.Unavailable);
  const { concurrency } = plugin.granted;
  if (plugin.calls >= concurrency)
    throw new ConnectError(`${title} is asked ${concurrency} questions already`, Code.ResourceExhausted);
  plugin.calls += 1;
  try {
    const request = toBinary(hook.method.input, question);
    const bytes = await askInstances({ plugin, title, key, method: hook.method, request, now: () => clock.now() });
    return sound(title, () => read(fromBinary(hook.method.output, bytes)));
  } finally {
    plugin.calls -= 1;
  }
}

interface Asking {
  readonly plugin: HookedPlugin;
  readonly title: string;
  readonly key: string;
  readonly method: DescMethodUnary;
  readonly request: Uint8Array;
  readonly now: () => number;
}

/** One instance after the other within one deadline; only what no instance has seen is asked again. */
async function askInstances({ plugin, title, key, method, request, now }: Asking): Promise<Uint8Array> {
  const until = now() + plugin.granted.deadlineMs;
  let last = "its breaker is open after failures in a row";
  let code = Code.Unavailable;
  for (const instance of rendezvousOrder(key, usable(plugin.instances), ({ id }) => id)) {
    const left = Math.ceil(until - now());
    if (left <= 0) break;
    if (!instance.breaker.admits(now())) continue;
    const answer = await askOne(instance, () => instance.channel.unary(method, request, left), now);
    if (!(answer instanceof ConnectError)) return answer;
    last = `${instance.id}: ${answer.rawMessage}`;
    code = answer.code;
    if (code !== Code.Unavailable) break;
  }
  throw new ConnectError(`${title}: ${last}`, codeOf(code));
}

async function askOne(
  { breaker }: PluginInstance,
  call: () => Promise<Uint8Array>,
  now: () => number,
): Promise<Uint8Array | ConnectError> {
  try {
    const answer = await call();
    breaker.succeeded();
    return answer;
  } catch (error) {
    breaker.failed(now());
    return ConnectError.from(error);
  }
}

/** What the plugin says of a question is not what the core says to its own caller: that one did nothing wrong. */
function codeOf(code: Code): Code {
  return [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted].includes(code) ? code : Code.Internal;
}

/** What a plugin gets wrong is its fault, in a sentence. */
function sound<Read>(title: string, read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    const why = error instanceof AnswerError ? error.message : "it sent bytes that are no answer";
    throw new ConnectError(`${title}: ${why}`, Code.Internal);
  }
}
