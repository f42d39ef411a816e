import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code, ConnectError, type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";

/** What is served, until when. */
export interface RpcHandlerOptions {
  routes(router: ConnectRouter): void;
  /** Ends open calls. */
  readonly shutdownSignal: AbortSignal;
  /** An answer could not be written, for another reason than that the caller left. */
  onError(path: string, error: ConnectError): void;
}

const MAX_MESSAGE_BYTES = 1024 * 1024;
const CALLER_LEFT = new Set([Code.Aborted, Code.Canceled]);

/** Answers calls over gRPC and Connect by their path. A caller that goes away is its own business, and not worth a line. */
export function createRpcHandler(
  options: RpcHandlerOptions,
): (request: Http2ServerRequest, response: Http2ServerResponse) => void {
  const router = createConnectRouter({
    grpcWeb: false,
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
    shutdownSignal: options.shutdownSignal,
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const path = request.url.split("?")[0] ?? "";
    const handler = handlers.get(path);
    if (!handler) {
      response.writeHead(404).end();
      return;
    }
    handler(universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((reason: unknown) => {
        const error = ConnectError.from(reason);
        if (!CALLER_LEFT.has(error.code)) options.onError(path, error);
      });
  };
}
