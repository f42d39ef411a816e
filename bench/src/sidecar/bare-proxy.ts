import { createServer } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { childOptions, ready } from "../harness.ts";

/** What the sidecar is measured against: the shortest proxies that work, without a single feature. */
const backend = childOptions<{ http1: number; http2: number }>();

const pool = new Pool(`http://127.0.0.1:${backend.http1}`, { connections: 64 });
const http1 = createServer((request, response) => {
  const { method = "GET", url = "/", headers } = request;
  pool.dispatch(
    {
      path: url.slice(url.indexOf("/", 7)),
      method,
      headers: { host: headers.host ?? "" },
      body: method === "GET" ? null : request,
    },
    {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, status, fields) => void response.writeHead(status, fields),
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  );
});

const session = connect(`http://127.0.0.1:${backend.http2}`);
const http2 = createHttp2Server();
http2.on("stream", (stream, headers) => {
  const upstream = session.request(headers, { endStream: false });
  stream.on("error", () => upstream.destroy());
  upstream.on("error", () => stream.destroy());
  stream.pipe(upstream);
  let trailers = {};
  upstream.once("trailers", (fields) => {
    trailers = fields;
  });
  upstream.once("response", (fields) => {
    if (stream.destroyed) return;
    stream.respond(fields, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    upstream.pipe(stream);
  });
});

await new Promise<void>((resolve) => http1.listen(0, "127.0.0.1", resolve));
await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", resolve));
ready({ http1: (http1.address() as AddressInfo).port, http2: (http2.address() as AddressInfo).port });
