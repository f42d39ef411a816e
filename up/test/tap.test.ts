import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { type Coverage, type Notice, type Request, Tap, View } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import type { Sidecar } from "@patchbay/sidecar";
import { eventually } from "@patchbay/testkit";
import { type ClosableTransport, createTransport } from "@patchbay/wire";
import { type Mesh, startMesh } from "../src/index.ts";
import { createOperator } from "./support/operator.ts";
import { endOf, spawnSidecar, startSidecarHere, startWeb, type Web } from "./support/workload.ts";

type Asked = Parameters<ReturnType<typeof createClient<typeof Tap>>["watch"]>[0];

/** What one tap has brought so far. */
interface Watched {
  readonly requests: Request[];
  readonly notices: Notice[];
  readonly coverages: Coverage[];
  readonly ended: Promise<unknown>;
  stop(): void;
}

describe("a tap", () => {
  let stateDir = "";
  let mesh: Mesh;
  let web: Web;
  let users: Sidecar;
  let caller: Sidecar;
  let transport: ClosableTransport;

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "patchbay-tap-"));
    mesh = await startMesh({ stateDir });
    web = await startWeb(1);
    users = await startSidecarHere(mesh, "users", { port: web.port });
    caller = await startSidecarHere(mesh, "web");
    transport = createTransport({ address: await createOperator(mesh).addressOf("tap"), token: () => mesh.token });
    await eventually("users answers", async () => (await call("/warm")) === 200);
  });
  after(async () => {
    transport.close();
    await Promise.all([users.stop(), caller.stop()]);
    await web[Symbol.asyncDispose]();
    await mesh.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  const call = (path: string, headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = {
        port: caller.outboundPort,
        path: `http://users${path}`,
        headers: { host: "users", ...headers },
      };
      httpRequest(options, (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
      })
        .on("error", reject)
        .end();
    });

  function watch(asked: Asked): Watched {
    const stopping = new AbortController();
    const requests: Request[] = [];
    const notices: Notice[] = [];
    const coverages: Coverage[] = [];
    const read = async (): Promise<unknown> => {
      try {
        for await (const { message } of createClient(Tap, transport).watch(asked, { signal: stopping.signal })) {
          if (message.case === "request") requests.push(message.value);
          if (message.case === "notice") notices.push(message.value);
          if (message.case === "coverage") coverages.push(message.value);
        }
        return undefined;
      } catch (error) {
        return stopping.signal.aborted ? undefined : error;
      }
    };
    return { requests, notices, coverages, ended: read(), stop: () => stopping.abort() };
  }

  async function listening(asked: Asked): Promise<Watched> {
    const watched = watch(asked);
    await eventually("the tap listens", () => watched.coverages.length > 0);
    return watched;
  }

  /** Why a tap is refused; undefined: it listens. */
  async function refusal(asked: Asked): Promise<ConnectError | undefined> {
    const watched = watch(asked);
    let over = false;
    void watched.ended.finally(() => (over = true));
    await eventually("it listens or ends", () => over || watched.coverages.length > 0);
    watched.stop();
    const error = await watched.ended;
    return error === undefined ? undefined : ConnectError.from(error);
  }

  it("shows each request once, with both ends and the answer", async () => {
    const tap = await listening({ selector: { target: "default/users" } });
    assert.equal(await call("/cart?token=1", { authorization: "Bearer secret" }), 200);
    await eventually("it is shown", () => tap.requests.length > 0);
    const [request] = tap.requests;
    assert.ok(request);
    assert.deepEqual(
      [request.inbound, request.source?.name, request.target?.name, request.method, request.path, request.status],
      [true, "web", "users", "GET", "/cart", 200],
    );
    assert.equal(request.source?.identity, "spiffe://cluster.local/ns/default/sa/web");
    assert.ok(request.tls && request.latency !== undefined && request.responseBytes > 0n);
    assert.deepEqual(request.requestHeaders, []);
    await call("/again");
    await eventually("the next is shown", () => tap.requests.length === 2);
    tap.stop();
    assert.equal(await tap.ended, undefined);
  });

  it("goes on without a proxy that is killed, and names it", async () => {
    await using killed = spawnSidecar(mesh, "users", web.port);
    const tap = await listening({ selector: { target: "default/users" } });
    await eventually("both take part", () => tap.coverages.at(-1)?.inbound === 2);
    await endOf(killed.child, "SIGKILL");
    await eventually("one is missing", () => tap.coverages.at(-1)?.inbound === 1);
    assert.match(tap.coverages.at(-1)?.missing.join() ?? "", /default\/users\//);
    await call("/still");
    await eventually("the other is heard", () => tap.requests.some(({ path }) => path === "/still"));
    tap.stop();
  });

  it("reaches proxies that come after it began", async () => {
    const tap = await listening({ selector: { target: "default/users", view: View.INBOUND } });
    const before = tap.coverages.at(-1)?.inbound ?? 0;
    await using late = await startSidecarHere(mesh, "users", { port: web.port });
    await eventually("it takes part", () => (tap.coverages.at(-1)?.inbound ?? 0) > before);
    tap.stop();
    await late.stop();
  });

  it("for a service that does not exist, or with a wrong expression, is refused with the nearest name", async () => {
    // A mesh that has just started does not know yet who is not there.
    let unknown = await refusal({ selector: { target: "default/uzers" } });
    await eventually("nobody is known to be missing", async () => {
      unknown ??= await refusal({ selector: { target: "default/uzers" } });
      return unknown !== undefined;
    });
    assert.ok(unknown);
    assert.equal(unknown.code, Code.NotFound);
    assert.match(unknown.rawMessage, /"users"/);
    const wrong = await refusal({ selector: { when: "request.pth == '/'" } });
    assert.ok(wrong);
    assert.equal(wrong.code, Code.InvalidArgument);
    assert.match(wrong.rawMessage, /at 1: .*request\.path/);
  });
});
