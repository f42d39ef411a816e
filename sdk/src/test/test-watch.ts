import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { PluginMistake, show } from "../errors/mistake.ts";
import { placeOfCaller } from "../errors/place.ts";
import type { LocalHost } from "../host/local-host.ts";
import { followAbort } from "../host/until-aborted.ts";
import { parseAuthority } from "../model/authority.ts";
import { PermanentError } from "../model/errors.ts";
import type { Answer } from "../public/answer.ts";
import type { ClientContext } from "../public/authority.ts";
import type { ResolveTestOptions, TestWatch } from "../public/test-kit.ts";

/** What is watched in a test. */
export interface WatchRequest {
  readonly host: LocalHost;
  readonly authority: string;
  readonly options: ResolveTestOptions;
  /** Aborts when the test's plugin stops. */
  readonly stopped: AbortSignal;
}

/** Asks the plugin as destination does, one answer at a time. */
export function openWatch({ host, authority: text, options, stopped }: WatchRequest): TestWatch {
  const authority = parseAuthority(text);
  if (!authority)
    throw new PluginMistake(`${show(text)} is no authority`, {
      hint: 'Write "users" or "users:80"',
      place: placeOfCaller(),
    });
  if (!host.manifest.resolve) throw new Error("the plugin has no resolver: add `hooks: { async *resolve() { ... } }`");
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, stopped]);
  const client = host.manifest.resolve.usesContext ? fillClient(options.client) : undefined;
  const answers = host.resolve({ authority, client }, signal)[Symbol.asyncIterator]();
  const { timeoutMs = 2_000 } = options;

  const next = async (): Promise<IteratorResult<Answer, undefined>> => {
    const step = await within(answers.next(), timeoutMs, `resolve("${authority.host}")`);
    if (step.done) return { done: true, value: undefined };
    if (step.value.kind === "failed") throw new PermanentError(step.value.message);
    return { done: false, value: step.value };
  };
  const stop = async () => {
    left.abort();
  };
  return {
    async next() {
      const step = await next();
      if (step.done) throw new Error(`resolve("${authority.host}") has ended: it will give no other answer`);
      return step.value;
    },
    stop,
    [Symbol.asyncDispose]: stop,
    [Symbol.asyncIterator]: () => iterate(answers, stop),
  };
}

/** Without a time limit, unlike next(). */
async function* iterate(
  answers: AsyncIterator<{ readonly kind: string }>,
  stop: () => Promise<void>,
): AsyncGenerator<Answer> {
  try {
    for (;;) {
      const step = await answers.next();
      if (step.done) return;
      if (isAnswer(step.value)) yield step.value;
      else throw new PermanentError("message" in step.value ? String(step.value.message) : "failed");
    }
  } finally {
    await stop();
  }
}

function isAnswer(value: { readonly kind: string }): value is Answer {
  return value.kind !== "failed";
}

function fillClient(given: Partial<ClientContext> = {}): ClientContext {
  return { namespace: DEFAULT_NAMESPACE, zone: "", labels: {}, ...given };
}

/** The mesh gives up waiting too, and asks the next resolver. */
async function within<T>(work: Promise<T>, timeoutMs: number, doing: string): Promise<T> {
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(), timeoutMs);
  const abort = followAbort(timer.signal);
  try {
    const result = await abort.race(work);
    if (typeof result !== "symbol") return result;
    throw new Error(
      `${doing} has not answered within ${timeoutMs / 1_000} s: in the mesh it would count as failed by now`,
    );
  } finally {
    clearTimeout(timeout);
    abort.cleanup();
  }
}
