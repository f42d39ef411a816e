import { createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import type { App } from "./app.ts";
import { authInterceptor, type TokenCheck } from "./auth.ts";
import { routerOptions } from "./server/rpc.ts";
import { type TracerOf, traceCalls, traceHandlers } from "./trace/rpc-traces.ts";

export interface InProcessOptions {
  readonly app: App;
  readonly check: TokenCheck;
  token(): string;
  /** Deadline of unary calls. Default 5 s. */
  readonly deadlineMs?: number;
  /** Default: no spans are made. */
  readonly tracerOf?: TracerOf;
}

/**
 * Calls an app of the same process through its own routes: the same proof of the caller, deadlines and aborts as over
 * the network, and messages that are copies, only without a socket.
 */
export function createInProcessTransport(options: InProcessOptions): Transport {
  const { app, check, token, deadlineMs = 5_000, tracerOf } = options;
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token()}`);
    return next(request);
  };
  const never = new AbortController().signal;
  const transport = createRouterTransport((router) => app.routes(router), {
    router: routerOptions([authInterceptor(check), traceHandlers(tracerOf)], never),
    transport: { interceptors: [traceCalls, authorize] },
  });
  return {
    unary: (method, signal, timeoutMs, ...rest) => transport.unary(method, signal, timeoutMs ?? deadlineMs, ...rest),
    stream: (...call) => transport.stream(...call),
  };
}
