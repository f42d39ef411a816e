import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import { createConnector } from "../src/proxy/hop.ts";
import { identityOf } from "./support/certificates.ts";
import { closedPort, listen } from "./support/wire.ts";

const connectMs = 100;

function connectTo(port: number): Promise<Socket> {
  const connector = createConnector({ identity: identityOf(), connectMs, checkAddress: () => undefined });
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

test("a connection that is refused says so", async () => {
  await assert.rejects(connectTo(await closedPort()), /ECONNREFUSED/);
});
