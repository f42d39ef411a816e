import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { DEFAULT_NAMESPACE } from "@patchbay/model";
import { type ResolveRequest, Resolver } from "@patchbay/proto/mesh/plugin/v1/resolver_pb";
import { PluginMistake } from "../errors/mistake.ts";
import type { PluginHost, Question } from "../host/host.ts";
import { type HostAnswer, toResolveResponse } from "../model/answer-message.ts";
import { parseAuthority } from "../model/authority.ts";
import { checkCall, type HookGuard } from "./hook-guard.ts";

/** What answers the calls, which calls are let through, and what reports on them. */
export interface ResolverRoutesOptions {
  readonly host: PluginHost;
  readonly guard: HookGuard;
  /** Why questions cannot be answered yet. */
  readonly notReady: () => string | undefined;
  readonly observer: ResolverObserver;
}

/** Told what happens, for logs, metrics and the line that `mesh-sdk dev` prints. */
export interface ResolverObserver {
  onRefused(why: string): void;
  onOpen(authority: string): void;
  onAnswer(authority: string, answer: HostAnswer): void;
  /** The first answer came after the time that the mesh waits for it. */
  onSlow(authority: string, tookMs: number): void;
  /** The author's code broke the stream. */
  onMistake(authority: string, why: string): void;
  onClose(authority: string): void;
}

/** Authorities that the core may have open at a time. */
const MAX_OPEN = 10_000;

/** Serves mesh.plugin.v1.Resolver from a plugin's host. */
export function resolverRoutes(router: ConnectRouter, options: ResolverRoutesOptions): void {
  const { guard, observer, notReady } = options;
  let open = 0;
  router.service(Resolver, {
    async *resolve(request, { requestHeader, signal }) {
      checkCall(guard, observer, requestHeader);
      const problem = notReady();
      if (problem !== undefined) throw new ConnectError(problem, Code.Unavailable);
      const question = readQuestion(request);
      if (open >= MAX_OPEN) throw new ConnectError(`${MAX_OPEN} authorities are open already`, Code.ResourceExhausted);
      open += 1;
      observer.onOpen(question.authority.host);
      try {
        yield* answers(options, question, signal);
      } finally {
        open -= 1;
        observer.onClose(question.authority.host);
      }
    },
  });
}

async function* answers({ host, observer }: ResolverRoutesOptions, question: Question, signal: AbortSignal) {
  const { host: name } = question.authority;
  const began = performance.now();
  let first = true;
  try {
    for await (const answer of host.resolve(question, signal)) {
      const took = performance.now() - began;
      if (first && took > (host.manifest.resolve?.deadlineMs ?? took)) observer.onSlow(name, took);
      first = false;
      observer.onAnswer(name, answer);
      yield toResolveResponse(answer);
    }
    // Without this the mesh would take the end of a plugin for an answer that needs no stream.
    if (signal.aborted) throw new ConnectError("the plugin stops", Code.Unavailable);
  } catch (error) {
    if (signal.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    observer.onMistake(name, why);
    throw new ConnectError(why, error instanceof PluginMistake ? Code.Internal : Code.Unavailable);
  }
}

function readQuestion({ authority, host, port, context }: ResolveRequest): Question {
  const parsed = parseAuthority(authority);
  if (!parsed) throw new ConnectError(`"${authority}" is no authority`, Code.InvalidArgument);
  // The core says itself which form is the shortest, so that both sides mean the same.
  const said = { ...parsed, host: host === "" ? parsed.host : host, port: port === 0 ? parsed.port : port };
  const client = context && {
    namespace: context.namespace === "" ? DEFAULT_NAMESPACE : context.namespace,
    zone: context.zone,
    labels: context.labels,
  };
  return { authority: said, client };
}
