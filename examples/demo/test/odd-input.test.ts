import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:http2";
import { describe, it } from "node:test";
import { eventually, freePort, listen, untilPasses } from "@patchbay/testkit";

describe("a service of the demo", () => {
  it("outlives a request whose target is no URL by itself", async () => {
    const port = await freePort();
    const service = new URL("../src/http-service.ts", import.meta.url).href;
    const code = `import { serveHttp } from "${service}"; serveHttp(({ path }) => ({ status: 200, body: path }));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      env: { ...process.env, PORT: String(port) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    await eventually(() => statusOf(port, "/health"));
    assert.equal(await statusOf(port, "//"), 200);
    assert.equal(await statusOf(port, "http://"), 404);
    assert.equal(await statusOf(port, "/health"), 200);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("is told that catalog's answer is no JSON, and asks again over another connection once that one is gone", async () => {
    const sessions = new Set<{ destroy(): void }>();
    const server = createServer();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream, headers) => {
      stream.respond({ ":status": 200 });
      stream.end(headers[":path"] === "/odd" ? "<html>" : '{"name":"tea"}');
    });
    process.env["http_proxy"] = `http://127.0.0.1:${await listen(server)}`;
    const { getProduct } = await import("../src/catalog-client.ts");
    await assert.rejects(getProduct("/odd"), SyntaxError);
    for (const session of sessions) session.destroy();
    await untilPasses(async () => assert.deepEqual(await getProduct("/tea"), { name: "tea" }));
    for (const session of sessions) session.destroy();
    server.close();
  });
});

async function statusOf(port: number, path: string): Promise<number | undefined> {
  const sent = request({ host: "127.0.0.1", port, path, agent: false }).end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
}
