import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { keepStream } from "@patchbay/model";
import {
  type ObserveRequestSchema,
  type ObserveResponse,
  Proxy as ProxyService,
} from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { systemClock } from "@patchbay/wire";
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
export function observeProxy({ dialler, address, request, onMessage, onProblem }: ObserveProxyOptions): () => void {
  const { transport, leave } = dialler.dial(address);
  const client = createClient(ProxyService, transport);
  const stream = keepStream({
    connect: (signal) => client.observe(request, { signal }),
    onMessage,
    onDown(error) {
      if (error === undefined) return onProblem("it ended the tap");
      const { code, rawMessage } = ConnectError.from(error);
      onProblem(code === Code.Unimplemented ? "it is too old to be tapped" : rawMessage);
      if (FINAL.has(code)) stream.stop();
    },
    backoff: { minMs: 200, maxMs: 2_000 },
    clock: systemClock,
  });
  void stream.stopped.then(leave);
  return stream.stop;
}
