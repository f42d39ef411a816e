import { type ClientHttp2Session, connect } from "node:http2";
import { traceFields } from "./trace-context.ts";

let session: ClientHttp2Session | undefined;

/** node:http2 knows no proxy variables, so the sidecar is spoken to by its address, with the service as authority. */
function proxySession(): ClientHttp2Session {
  if (session && !session.closed && !session.destroyed) return session;
  const proxy = process.env["http_proxy"];
  if (proxy === undefined) throw new Error("http_proxy is not set: start this program with `mesh run`");
  const opened = connect(proxy);
  // This one alone: by then another one may have taken its place.
  opened.on("error", () => opened.destroy());
  session = opened;
  return opened;
}

/** Asks catalog over HTTP/2. */
export function getProduct(path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stream = proxySession().request({ ":authority": "catalog", ":path": path, ...traceFields() });
    let status = 0;
    let body = "";
    stream.setTimeout(2_000, () => stream.destroy(new Error("catalog did not answer within 2 s")));
    stream.setEncoding("utf8");
    stream.on("response", (headers) => {
      status = headers[":status"] ?? 0;
    });
    stream.on("data", (chunk: string) => {
      body += chunk;
    });
    stream.on("error", reject);
    stream.on("end", () => {
      try {
        resolve(productIn(status, body));
      } catch (error) {
        reject(error);
      }
    });
    stream.end();
  });
}

function productIn(status: number, body: string): unknown {
  if (status !== 200) throw new Error(`catalog answered ${status}: ${body}`);
  return JSON.parse(body);
}
