import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, it } from "node:test";
import { currentResponse } from "../../src/proxy/http1/current-response.ts";

describe("the response that a connection is occupied with", () => {
  it(`is found in the private field of node:http, which Node ${process.version} may have changed when this fails`, async () => {
    const server = createServer({ keepAlive: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    client.write("GET / HTTP/1.1\r\nhost: users\r\n\r\n");
    const [{ socket }, response]: [IncomingMessage, ServerResponse] = (await once(server, "request")) as never;
    assert.equal(currentResponse(socket), response);
    assert.equal(currentResponse(socket)?.headersSent, false);
    response.write("begun");
    assert.equal(currentResponse(socket)?.headersSent, true);
    response.end();
    await once(response, "finish");
    assert.equal(currentResponse(socket), undefined);
    client.destroy();
    server.close();
    await once(server, "close");
  });
});
