import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { captureEnvironment } from "../../src/core/capture-environment.ts";
import { endpoint, type StartedProxy, startProxy } from "../support/proxies.ts";
import { type App, bodyOf, startApp } from "../support/wire.ts";

const execute = promisify(execFile);

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };

/** A gRPC service of bytes: no generated code on either side. */
async function startGrpc(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = new Server();
  const method = (path: string, stream: boolean): object => ({
    path,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: bytes.serialize,
    requestDeserialize: bytes.deserialize,
    responseSerialize: bytes.serialize,
    responseDeserialize: bytes.deserialize,
  });
  // The declared type wants a definition from generated code; this is one by hand.
  const definition = { Echo: method("/demo.Echo/Echo", false), Chat: method("/demo.Echo/Chat", true) } as Parameters<
    Server["addService"]
  >[0];
  server.addService(definition, {
    Echo: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) =>
      answer(null, Buffer.from(`echo ${call.request.toString()}`)),
    Chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (message: Buffer) => call.write(Buffer.from(`<${message.toString()}>`)));
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, server };
}

const NODE_FETCH = `
  const get = await fetch("http://web/fetch");
  const post = await fetch("http://web:8080/post", { method: "POST", body: "hello" });
  console.log(await get.text(), await post.text());`;

const NODE_HTTP = `
  import http from "node:http";
  http.get("http://web/http", async (response) => {
    let text = "";
    for await (const chunk of response) text += chunk;
    console.log(text);
  });`;

const GRPC = `
  import { Client, credentials } from "@grpc/grpc-js";
  const same = (value) => value;
  const client = new Client("echo:50051", credentials.createInsecure());
  client.makeUnaryRequest("/demo.Echo/Echo", same, same, Buffer.from("one"), (error, answer) => {
    console.log(error ?? answer.toString());
    const chat = client.makeBidiStreamRequest("/demo.Echo/Chat", same, same);
    chat.on("data", (message) => (console.log(message.toString()), chat.end()));
    chat.on("end", () => client.close());
    chat.write(Buffer.from("two"));
  });`;

const PYTHON = `
import urllib.request
print(urllib.request.urlopen("http://web/python").read().decode())
print(urllib.request.urlopen("http://web/python", data=b"hello").read().decode())`;

const GO = `
package main

import ("fmt"; "io"; "net/http"; "strings")

func main() {
  for _, make := range []func() (*http.Response, error){
    func() (*http.Response, error) { return http.Get("http://web/go") },
    func() (*http.Response, error) { return http.Post("http://web/go", "text/plain", strings.NewReader("hello")) },
  } {
    response, err := make()
    if err != nil { panic(err) }
    body, _ := io.ReadAll(response.Body)
    fmt.Println(string(body))
  }
}`;

/** On a machine that has never built Go's net/http, that is nearly all of this test's time. */
const GO_CHEAPLY = { GO111MODULE: "off", CGO_ENABLED: "0" };

/** The reason to skip, when a program is not there. */
function missing(command: string, ...args: readonly string[]): string | false {
  return spawnSync(command, args, { stdio: "ignore" }).error === undefined ? false : `${command} is not installed`;
}

describe("programs that know nothing of the mesh reach it by their usual variables", () => {
  const folder = mkdtempSync(join(tmpdir(), "sidecar-clients-"));
  let app: App;
  let grpc: Awaited<ReturnType<typeof startGrpc>>;
  let started: StartedProxy;
  before(async () => {
    app = await startApp(async (request, response) =>
      response.end(`${request.method} ${request.url} ${await bodyOf(request)}.`),
    );
    grpc = await startGrpc();
    started = await startProxy({ routes: { web: [endpoint(app.port)], echo: [endpoint(grpc.port)] } });
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    grpc.server.forceShutdown();
    await started[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
  });

  /** Runs a program with nothing but the captured variables, and returns what it printed. */
  async function run(command: string, ...args: readonly string[]): Promise<string> {
    started.recorder.records.length = 0;
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, ...GO_CHEAPLY, ...captureEnvironment(started.proxy.outboundPort, { no_proxy: "*" }) };
    const { stdout } = await execute(command, args, { env, timeout: 120_000, cwd: import.meta.dirname });
    return stdout.trim();
  }
  const node = (script: string): Promise<string> => run(process.execPath, "--input-type=module", "-e", script);
  const paths = (): unknown[] =>
    started.recorder.records.map((record) => [record.target, record.method, record.path, record.status]);

  it("curl, in absolute form", { skip: missing("curl", "--version") }, async () => {
    assert.equal(await run("curl", "-sS", "http://web:8080/curl?a=b"), "GET /curl?a=b .");
    assert.deepEqual(paths(), [["web", "GET", "/curl?a=b", 200]]);
  });

  it("curl, with HTTP/2 in a tunnel", { skip: missing("curl", "--version") }, async () => {
    const body = await run(
      "curl",
      "-sS",
      "-p",
      "--http2-prior-knowledge",
      "-d",
      "m",
      "-H",
      "content-type: application/grpc",
      "http://echo/demo.Echo/Nothing",
    );
    assert.equal(body, "");
    assert.equal(started.recorder.records[0]?.grpcStatus, 12);
  });

  it("curl, with a body that asks before it comes", { skip: missing("curl", "--version") }, async () => {
    assert.equal(await run("curl", "-sS", "-H", "Expect: 100-continue", "-d", "hello", "http://web/"), "POST / hello.");
  });

  it("Node's fetch, in a tunnel", async () => {
    assert.equal(await node(NODE_FETCH), "GET /fetch . POST /post hello.");
    assert.deepEqual(paths(), [
      ["web", "GET", "/fetch", 200],
      ["web", "POST", "/post", 200],
    ]);
  });

  it("Node's http, in absolute form", async () => {
    assert.equal(await node(NODE_HTTP), "GET /http .");
  });

  it("grpc-js, with HTTP/2 in a tunnel", async () => {
    assert.equal(await node(GRPC), "echo one\n<two>");
    assert.deepEqual(
      started.recorder.records.map((record) => [record.target, record.path, record.grpcStatus]),
      [
        ["echo", "/demo.Echo/Echo", 0],
        ["echo", "/demo.Echo/Chat", 0],
      ],
    );
  });

  it("Python's urllib", { skip: missing("python3", "--version") }, async () => {
    assert.equal(await run("python3", "-c", PYTHON), "GET /python .\nPOST /python hello.");
  });

  it("Go's net/http", { skip: missing("go", "version") }, async () => {
    const file = join(folder, "main.go");
    writeFileSync(file, GO);
    assert.equal(await run("go", "run", "-gcflags=all=-N -l", file), "GET /go .\nPOST /go hello.");
  });

  it("and what leaves the mesh goes where it went before", { skip: missing("curl", "--version") }, async () => {
    assert.equal(await run("curl", "-sS", "--noproxy", "", `http://127.0.0.1:${app.port}/out`), "GET /out .");
    assert.deepEqual(paths(), [["egress", "GET", "/out", 200]]);
  });
});
