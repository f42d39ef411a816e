import { createServer as createHttp2Server } from "node:http2";
import { createServer } from "node:net";
import { ready } from "../harness.ts";

/** The cheapest servers that answer correctly, so that what is measured is what stands before them. */
const BODY = "x".repeat(100);
const RESPONSE = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
);
const END_OF_HEAD = "\r\n\r\n";

const http1 = createServer({ noDelay: true }, (socket) => {
  let rest = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    rest += chunk.toString("latin1");
    for (let end = rest.indexOf(END_OF_HEAD); end >= 0; end = rest.indexOf(END_OF_HEAD)) {
      rest = rest.slice(end + END_OF_HEAD.length);
      socket.write(RESPONSE);
    }
  });
});

const MESSAGE = Buffer.concat([Buffer.of(0, 0, 0, 0, 100), Buffer.alloc(100, 1)]);

const http2 = createHttp2Server();
http2.on("stream", (stream) => {
  stream.on("error", () => stream.destroy());
  stream.resume();
  stream.once("end", () => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(MESSAGE);
  });
});

await new Promise<void>((resolve) => http1.listen(0, "127.0.0.1", resolve));
await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", resolve));
ready({ http1: portOf(http1.address()), http2: portOf(http2.address()) });

function portOf(address: ReturnType<typeof http1.address>): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
