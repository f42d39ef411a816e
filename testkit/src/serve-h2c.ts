import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** "http://127.0.0.1:port". */
  readonly address: string;
  /** Asks every client to leave when it has done what it began, and goes on listening. */
  goAway(): void;
  /** Ends every connection and stops listening. */
  stop(): Promise<void>;
}

/** Serves RPCs over clear-text HTTP/2 on a port of the loopback address; port 0 or none: a free one. */
export async function serveH2c(routes: (router: ConnectRouter) => void, port = 0): Promise<TestServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2Server = createServer(connectNodeAdapter({ routes, acceptCompression: [] }));
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on TCP");
  const stop = async () => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const session of sessions) session.destroy();
    await closed;
  };
  return {
    port: address.port,
    address: `http://127.0.0.1:${address.port}`,
    goAway: () => {
      for (const session of sessions) session.goaway();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
