import { createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import type { App } from "./app.ts";
import { authInterceptor, type TokenCheck } from "./auth.ts";
import { routerOptions } from "./server/rpc.ts";

export interface InProcessOptions {
  readonly app: App;
  readonly check: TokenCheck;
  token(): string;
  /** Deadline of unary calls. Default 5 s. */
  readonly deadlineMs?: number;
}

/**
 * Calls an app of the same process through its own routes: the same proof of the caller, deadlines and aborts as over
 * the network, and messages that are copies, only without a socket.
 */
export function createInProcessTransport({ app, check, token, deadlineMs = 5_000 }: InProcessOptions): Transport {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token()}`);
    return next(request);
  };
  const never = new AbortController().signal;
  const transport = createRouterTransport((router) => app.routes(router), {
    router: routerOptions([authInterceptor(check)], never),
    transport: { interceptors: [authorize] },
  });
  return {
    unary: (method, signal, timeoutMs, ...rest) => transport.unary(method, signal, timeoutMs ?? deadlineMs, ...rest),
    stream: (...call) => transport.stream(...call),
  };
}
