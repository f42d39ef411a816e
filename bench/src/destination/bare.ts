import { createServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createFront } from "node:net";
import { childOptions, ready } from "../harness.ts";
import { residentBytes } from "./memory.ts";
import { monotonicNow, type ServerTask } from "./tasks.ts";

// The raw limit: node:http2 writes the same bytes to all streams. Listens as the service does, so that 5000 may connect at once.
const { update } = childOptions<{ update: string }>();
const bytes = Buffer.from(update, "base64");
const streams = new Set<ServerHttp2Stream>();
const http2 = createServer();
http2.on("stream", (stream) => {
  stream.respond({ ":status": 200, "content-type": "application/connect+proto" });
  stream.on("error", () => stream.destroy());
  stream.once("close", () => streams.delete(stream));
  stream.on("data", () => undefined);
  streams.add(stream);
  stream.write(bytes);
});
const front = createFront({ noDelay: true }, (socket) => http2.emit("connection", socket));
front.listen({ host: "127.0.0.1", port: 0, backlog: 4_096 }, () => {
  const address = front.address();
  const port = typeof address === "object" && address ? address.port : 0;
  ready({ port }, async (task) => {
    const asked = task as ServerTask; // from our own parent
    if (asked.kind === "memory") return residentBytes();
    const at = monotonicNow();
    for (const stream of streams) stream.write(bytes);
    return at;
  });
});
