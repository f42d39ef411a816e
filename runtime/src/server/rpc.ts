import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code, ConnectError, type ConnectRouter, createConnectRouter, type Interceptor } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Log } from "@patchbay/wire";

/** Largest message that any API takes or gives. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Options that every router of ours has: served on a port or called in the same process. */
export function routerOptions(interceptors: readonly Interceptor[], shutdownSignal: AbortSignal) {
  return {
    interceptors: [...interceptors],
    shutdownSignal,
    // Streams would be compressed one by one; callers of ours are near, and large snapshots are rare.
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
  };
}

/** Answers a request of either HTTP version. */
export type RequestHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

interface RpcOptions {
  routes(router: ConnectRouter): void;
  readonly interceptors: readonly Interceptor[];
  readonly shutdownSignal: AbortSignal;
  readonly log: Log;
}

/** Request handlers by path, for both HTTP versions. */
export function createRpcHandlers(options: RpcOptions): ReadonlyMap<string, RequestHandler> {
  const router = createConnectRouter(routerOptions(options.interceptors, options.shutdownSignal));
  options.routes(router);
  const handlers = new Map<string, RequestHandler>();
  for (const handler of router.handlers) {
    handlers.set(handler.requestPath, (request, response) => {
      const call = universalRequestFromNodeRequest(request, response, undefined, undefined);
      handler(call)
        .then((answer) => universalResponseToNodeResponse(answer, response))
        .catch((error: unknown) => {
          // A client that went away is its own business; a herd of them must not become a flood of logs.
          const { code } = ConnectError.from(error);
          const level = code === Code.Aborted || code === Code.Canceled ? "debug" : "warn";
          options.log[level]({ method: handler.requestPath, error }, "answer could not be written");
        });
    });
  }
  return handlers;
}
