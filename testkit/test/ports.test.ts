import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { closedPort, freePort, listen } from "@patchbay/testkit";

describe("ports", () => {
  it("that are closed refuse connections, and another one each time", async () => {
    const ports = [await closedPort(), await closedPort()];
    for (const port of ports) {
      const [error] = await once(connect({ host: "127.0.0.1", port }), "error").catch((error: unknown) => [error]);
      assert.equal(error.code, "ECONNREFUSED");
    }
    assert.notEqual(ports[0], ports[1]);
  });

  it("that are free can be listened on, and are none that a system hands out by itself", async () => {
    const port = await freePort();
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    const other = createServer();
    assert.ok(port < 32_768 && (await listen(other)) > 32_767);
    server.close();
    other.close();
  });
});
