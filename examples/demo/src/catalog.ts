import { createServer } from "node:http2";
import { work } from "./http-service.ts";

const PRODUCTS = ["lamp", "chair", "desk", "shelf"];

const server = createServer();
server.on("stream", (stream, headers) => {
  const id = /^\/products\/(\d+)$/.exec(headers[":path"] ?? "")?.[1];
  const product = id === undefined ? PRODUCTS : PRODUCTS[Number(id) % PRODUCTS.length];
  stream.on("error", () => stream.destroy());
  void work(4).then(() => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-type": "application/json" });
    stream.end(`${JSON.stringify({ product })}\n`);
  });
});
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
process.once("SIGTERM", () => server.close(() => process.exit(0)));
