import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { withinTrace } from "./trace-context.ts";

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

type Handle = (request: Asked) => Promise<Reply> | Reply;

/** Serves JSON over HTTP/1.1 on PORT, with GET /health, and ends cleanly at SIGTERM. */
export function serveHttp(handle: Handle): void {
  const server = createServer((request, response) => {
    request.resume();
    void withinTrace(request.headers, () => answer(handle, request, response));
  });
  server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
  process.once("SIGTERM", () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

async function answer(handle: Handle, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = urlOf(request);
  const { status, body } = url === null ? notFound : await reply(handle, request, url);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

/** A target such as "//" is a path too, so it is not for the parser to find a host in it. Null: nothing of ours. */
function urlOf({ url = "/" }: IncomingMessage): URL | null {
  return URL.parse(url.startsWith("/") ? `http://localhost${url}` : url);
}

async function reply(handle: Handle, { method = "GET", headers }: IncomingMessage, url: URL): Promise<Reply> {
  if (url.pathname === "/health") return { status: 200, body: "ok" };
  try {
    return await handle({ method, path: url.pathname, query: url.searchParams, headers });
  } catch (error) {
    return { status: 502, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}

export const notFound: Reply = { status: 404, body: { error: "not found" } };

/** Waits as long as work of about this length would. */
export function work(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));
}
