import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { closedPort, listen } from "@patchbay/testkit";
import { readFirstBytes } from "../../src/proxy/tcp/first-bytes.ts";
import { createUpstreamConnector } from "../../src/proxy/upstream/upstream-connector.ts";
import { identityOf } from "../support/certificates.ts";

const connectMs = 100;

function connectTo(port: number): Promise<Socket> {
  const connector = createUpstreamConnector({ identity: identityOf(), connectMs, checkAddress: () => undefined });
  return new Promise((resolve, reject) => {
    connector.connect({ address: "127.0.0.1", port, identity: "" }, "http/1.1", (error, socket) =>
      socket === null ? reject(error) : resolve(socket),
    );
  });
}

test("a connection that came about while the loop was blocked is not given up", async () => {
  const server = createServer();
  const connecting = connectTo(await listen(server));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, connectMs * 3);
  (await connecting).destroy();
  server.close();
});

test("bytes that came while the loop was blocked decide on the protocol, not their delay", async () => {
  const server = createServer();
  const accepted = once(server, "connection");
  const client = connect({ port: await listen(server), host: "127.0.0.1" });
  const [socket] = (await accepted) as [Socket];
  const decided = new Promise((resolve) => readFirstBytes(socket, { waitMs: 50 }, resolve));
  client.write("GET / HTTP/1.1\r\n\r\n");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  assert.equal(await decided, "http1");
  client.destroy();
  socket.destroy();
  server.close();
});

test("a connection that is refused says so", async () => {
  await assert.rejects(connectTo(await closedPort()), /ECONNREFUSED/);
});
