import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createBackoff, pause } from "@patchbay/model";
import {
  type ObserveRequestSchema,
  type ObserveResponse,
  Proxy as ProxyService,
} from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import type { Dialler } from "./dialler.ts";

export interface ObserveProxyOptions {
  readonly dialler: Dialler;
  /** "host:port" */
  readonly address: string;
  readonly request: MessageInitShape<typeof ObserveRequestSchema>;
  onMessage(message: ObserveResponse): void;
  /** It does not listen at this moment, and why. */
  onProblem(problem: string): void;
}

/** Those that another try will not change. */
const FINAL: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.PermissionDenied, Code.Unimplemented]);

/** Observes one proxy until the returned function is called, and comes back to it when it was away. */
export function observeProxy(options: ObserveProxyOptions): () => void {
  const stopping = new AbortController();
  void observeForEver(options, stopping.signal);
  return () => stopping.abort();
}

async function observeForEver(options: ObserveProxyOptions, signal: AbortSignal): Promise<void> {
  const { dialler, address, onProblem } = options;
  const backoff = createBackoff({ minMs: 200, maxMs: 2_000 });
  const { transport, leave } = dialler.dial(address);
  const client = createClient(ProxyService, transport);
  while (!signal.aborted) {
    try {
      for await (const message of client.observe(options.request, { signal })) {
        if (signal.aborted) break;
        backoff.reset();
        options.onMessage(message);
      }
      if (!signal.aborted) onProblem("it ended the tap");
    } catch (error) {
      if (signal.aborted) break;
      const { code, rawMessage } = ConnectError.from(error);
      onProblem(code === Code.Unimplemented ? "it is too old to be tapped" : rawMessage);
      if (FINAL.has(code)) break;
    }
    await pause(backoff.next(), signal);
  }
  leave();
}
