import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

interface OtlpPostOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole of one request. */
  readonly deadlineMs: number;
}

/** How the collector answered a batch. */
type Posted =
  | { readonly kind: "taken" }
  /** It may take it later. */
  | { readonly kind: "later"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

export interface OtlpPost {
  send(body: Uint8Array): Promise<Posted>;
  close(): void;
}

/** OTLP/HTTP §"Retryable Response Codes"; everything else that is no success is final. */
const RETRYABLE = new Set([429, 502, 503, 504]);

/** Sends batches over one keep-alive connection, which no proxy variable redirects. Never rejects. */
export function createOtlpPost({ url, headers, deadlineMs }: OtlpPostOptions): OtlpPost {
  const secure = url.protocol === "https:";
  // Its own agent: the global one follows http_proxy when NODE_USE_ENV_PROXY is set, and a sidecar's program has that set.
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const open = secure ? httpsRequest : httpRequest;
  return {
    send: (body) =>
      new Promise((resolve) => {
        const fail = (error: Error): void => resolve({ kind: "later", reason: error.message });
        const request = open(url, {
          method: "POST",
          agent,
          signal: AbortSignal.timeout(deadlineMs),
          headers: { ...headers, "content-type": "application/x-protobuf", "content-length": body.byteLength },
        });
        request.on("error", fail);
        request.on("response", (response) => {
          response.on("error", fail);
          response.on("end", () => resolve(postedOf(response.statusCode ?? 0)));
          response.resume();
        });
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

function postedOf(status: number): Posted {
  if (status >= 200 && status < 300) return { kind: "taken" };
  const reason = `the collector answered ${status}`;
  return RETRYABLE.has(status) ? { kind: "later", reason } : { kind: "refused", reason };
}
