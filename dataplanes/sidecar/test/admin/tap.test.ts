import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { spawnDieWithParent } from "@patchbay/process";
import { Proxy as ProxyService } from "@patchbay/proto/mesh/proxy/v1/proxy_pb";
import { NoticeKind, type Request, RequestProtocol, View } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { closedPort, eventually, transportAs } from "@patchbay/testkit";
import { createAuthority, identityOf, spiffe } from "../support/certificates.ts";
import { endpoint } from "../support/proxies.ts";
import { startTappedProxy } from "../support/tapped-proxy.ts";
import { bodyOf, startApp } from "../support/wire.ts";

const authority = createAuthority();

async function get(port: number, path: string, headers: Record<string, string> = {}): Promise<number> {
  const request = httpRequest({ host: "127.0.0.1", port, path: `http://users${path}`, agent: false });
  request.setHeader("host", "users");
  for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
  request.end();
  const [message] = (await once(request, "response")) as [IncomingMessage];
  await bodyOf(message);
  return message.statusCode ?? 0;
}

/** A server's and a caller's proxy, both of which can be tapped. */
async function startPair(appPort: number) {
  const users = await startTappedProxy("users", {
    inbound: { host: "127.0.0.1", port: 0, app: { host: "127.0.0.1", port: appPort } },
    identity: identityOf(authority.issue("users")),
  });
  const web = await startTappedProxy("web", {
    identity: identityOf(authority.issue("web")),
    routes: { users: [endpoint(users.proxy.inboundPort, { identity: spiffe("users") })] },
  });
  return {
    users,
    web,
    port: web.proxy.outboundPort,
    async [Symbol.asyncDispose]() {
      await web[Symbol.asyncDispose]();
      await users[Symbol.asyncDispose]();
    },
  };
}

function headersOf({ requestHeaders, responseHeaders }: Request): string[] {
  return [...requestHeaders, ...responseHeaders].map(({ name, value }) => `${name}: ${value}`);
}

describe("a tap at a proxy", () => {
  it("shows the ends, the answer, and no header or query unless asked", async () => {
    await using app = await startApp((_request, response) => response.writeHead(418).end("tea"));
    await using pair = await startPair(app.port);
    const tap = await pair.users.observe({ target: "default/users" });
    await get(pair.port, "/cart?token=1", { "x-tenant": "acme" });
    await eventually("it is shown", () => tap.requests.length === 1);
    const [request] = tap.requests;
    assert.ok(request);
    assert.deepEqual(
      [request.inbound, request.source?.name, request.source?.identity, request.target?.name, request.tls],
      [true, "web", spiffe("web"), "users", true],
    );
    assert.deepEqual(
      [request.method, request.path, request.route, request.protocol, request.status, request.responseBytes],
      ["GET", "/cart", "GET /cart", RequestProtocol.HTTP1, 418, 3n],
    );
    assert.deepEqual([request.open, headersOf(request)], [false, []]);
    await tap.stop();
  });

  it("never shows a secret, even to who asks for all headers", async () => {
    await using app = await startApp((_request, response) =>
      response.writeHead(200, { "set-cookie": ["id=1", "b=2"], "x-answer": "yes" }).end(),
    );
    await using pair = await startPair(app.port);
    const tap = await pair.users.observe({ showHeaders: ["*"], showQuery: true });
    const secrets = { Authorization: "Bearer s", cookie: "id=s", "x-api-key": "s", "Proxy-Authorization": "s" };
    await get(pair.port, "/?q=1", { ...secrets, "x-tenant": "acme" });
    await eventually("it is shown", () => tap.requests.length === 1);
    const [request] = tap.requests;
    assert.ok(request);
    assert.equal(request.path, "/?q=1");
    const shown = headersOf(request);
    for (const line of ["x-tenant: acme", "x-answer: yes", "authorization: <redacted>", "set-cookie: <redacted>"])
      assert.ok(shown.includes(line), line);
    assert.equal(shown.filter((line) => line.endsWith("<redacted>")).length, 5);
    await tap.stop();
  });

  it("gives no expression a secret to guess at", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using pair = await startPair(app.port);
    const guess = await pair.users.observe({ when: 'request.headers["authorization"].startsWith("Bearer")' });
    const there = await pair.users.observe({ when: '"authorization" in request.headers' });
    await get(pair.port, "/", { authorization: "Bearer s" });
    await eventually("it is shown to who asks for presence", () => there.requests.length === 1);
    assert.equal(guess.requests.length, 0);
    await Promise.all([guess.stop(), there.stop()]);
  });

  it("of a caller shows only what no server's proxy has answered, unless asked for the caller's view", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using pair = await startPair(app.port);
    const once = await pair.web.observe({ target: "default/users" });
    const outbound = await pair.web.observe({ target: "default/users", view: View.OUTBOUND });
    assert.equal(await get(pair.port, "/answered"), 200);
    pair.web.router.table.set("users", [endpoint(await closedPort(), { identity: spiffe("users") })]);
    assert.equal(await get(pair.port, "/refused"), 503);
    pair.web.router.table.set("users", [endpoint(app.port)]);
    assert.equal(await get(pair.port, "/plain"), 200);
    await eventually("all are shown", () => outbound.requests.length === 3);
    await eventually("those are shown that nobody else shows", () => once.requests.length === 2);
    assert.deepEqual(
      once.requests.map(({ path, error }) => [path, error]),
      [
        ["/refused", "connect"],
        ["/plain", ""],
      ],
    );
    await Promise.all([once.stop(), outbound.stop()]);
  });

  it("looks at the named caller alone, by its proven name", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using pair = await startPair(app.port);
    const web = await pair.users.observe({ source: "default/web" });
    const other = await pair.users.observe({ source: "staging/web" });
    await get(pair.port, "/");
    await eventually("it is shown", () => web.requests.length === 1);
    assert.equal(other.requests.length, 0);
    await Promise.all([web.stop(), other.stop()]);
  });

  it("shows a request that has no answer after a while, and again when it ends", async () => {
    const answer = Promise.withResolvers<void>();
    await using app = await startApp((_request, response) => void answer.promise.then(() => response.end()));
    await using pair = await startPair(app.port);
    const tap = await pair.users.observe({ target: "default/users" });
    const failing = await pair.users.observe({ status: "5xx" });
    const call = get(pair.port, "/slow");
    await eventually("it is shown as open", () => tap.requests.length === 1);
    answer.resolve();
    await call;
    await eventually("it is shown with its answer", () => tap.requests.length === 2);
    const [open, ended] = tap.requests;
    assert.deepEqual([open?.open, open?.status, ended?.open, ended?.status], [true, 0, false, 200]);
    assert.equal(open?.id, ended?.id);
    assert.equal(failing.requests.length, 0);
    await Promise.all([tap.stop(), failing.stop()]);
  });

  it("shows so many requests a second, and says how many more there were", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using pair = await startPair(app.port);
    const tap = await pair.users.observe({}, 2);
    for (let i = 0; i < 10; i += 1) await get(pair.port, `/${i}`);
    await eventually("all are accounted for", () => {
      const dropped = tap.notices.reduce((sum, notice) => sum + Number(notice.dropped), 0);
      return tap.requests.length + dropped === 10 && dropped > 0;
    });
    assert.ok(tap.notices.every(({ kind }) => kind === NoticeKind.RATE_LIMITED));
    await tap.stop();
  });

  it("says when its expression cannot be evaluated", async () => {
    await using app = await startApp((_request, response) => response.end());
    await using pair = await startPair(app.port);
    const tap = await pair.users.observe({ when: 'request.headers["x-tenant"] == "acme"' });
    await get(pair.port, "/");
    await eventually("it says so", () => tap.notices.length > 0);
    assert.equal(tap.notices[0]?.kind, NoticeKind.EXPRESSION);
    await get(pair.port, "/", { "x-tenant": "acme" });
    await eventually("others are shown", () => tap.requests.length === 1);
    await tap.stop();
  });

  it("is refused for a selector that is wrong, and for all but core services", async () => {
    await using pair = await startPair(0);
    const wrong = await pair.users.observe({ when: "response.cod == 1" });
    const error = await wrong.ended;
    assert.equal(error?.code, Code.InvalidArgument);
    assert.match(error?.message ?? "", /response\.code/);
    for (const kind of ["proxy", "plugin", "operator"] as const) {
      using transport = disposable(transportAs(pair.users.address, { kind }));
      await assert.rejects(firstOf(createClient(ProxyService, transport.value).observe({})), (thrown: unknown) => {
        assert.equal(ConnectError.from(thrown).code, Code.PermissionDenied);
        return true;
      });
    }
    assert.equal(pair.users.taps.count(), 0);
  });

  it("is one of a bounded number, and makes room when its caller goes", async () => {
    await using pair = await startPair(0);
    const open = await Promise.all(Array.from({ length: 100 }, () => pair.users.observe({})));
    assert.equal(pair.users.taps.count(), 32);
    const refused = (await Promise.all(open.slice(32).map(({ ended }) => ended))).filter(
      (error) => error !== undefined,
    );
    assert.equal(refused.length, 68);
    assert.ok(refused.every((error) => error.code === Code.ResourceExhausted));
    await Promise.all(open.map((tap) => tap.stop()));
    await eventually("the proxy has forgotten all", () => pair.users.taps.count() === 0);
  });

  it("ends with the connection of its caller", async () => {
    await using pair = await startPair(0);
    const transport = transportAs(pair.users.address, { kind: "core" });
    const reading = firstOf(createClient(ProxyService, transport).observe({}), 2);
    await eventually("it is in force", () => pair.users.taps.count() === 1);
    transport.close();
    await assert.rejects(reading);
    await eventually("the proxy has forgotten it", () => pair.users.taps.count() === 0);
  });

  it("ends when its caller is killed", async () => {
    await using pair = await startPair(0);
    const child = spawnDieWithParent(process.execPath, [OBSERVER, pair.users.address], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await eventually("it is in force", () => pair.users.taps.count() === 1);
    child.kill("SIGKILL");
    await once(child, "exit");
    await eventually("the proxy has forgotten it", () => pair.users.taps.count() === 0);
  });
});

const OBSERVER = fileURLToPath(new URL("../fixtures/observer.ts", import.meta.url));

async function firstOf<T>(stream: AsyncIterable<T>, count = 1): Promise<void> {
  let seen = 0;
  for await (const _message of stream) {
    seen += 1;
    if (seen === count) return;
  }
}

function disposable<T extends { close(): void }>(value: T): Disposable & { readonly value: T } {
  return { value, [Symbol.dispose]: () => value.close() };
}
