import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { RetryBudgetSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { closedPort, eventually } from "@patchbay/testkit";
import { absentAnswer } from "../../../client/test/support/destination.ts";
import { authorityOf, callUsers, ms, prefix, rulesFor, share, startSteered } from "../support/steering.ts";
import { type App, bodyOf, exchangeRaw, openRaw, startApp, startBytes } from "../support/wire.ts";

/** Answers with each of the statuses in turn, the last for ever. */
async function startFlaky(statuses: readonly number[]): Promise<App & { readonly bodies: string[] }> {
  const bodies: string[] = [];
  const app = await startApp(async (request, response) => {
    bodies.push(await bodyOf(request));
    response.statusCode = statuses[Math.min(bodies.length, statuses.length) - 1] ?? 200;
    response.end(`answer ${bodies.length}`);
  });
  return Object.assign(app, { bodies });
}

/** Takes requests and never answers. */
function startSilent() {
  return startApp(() => undefined);
}

describe("header fields", () => {
  test("are changed on the way out and on the way back, and answers of the sidecar's own are not touched", async () => {
    await using app = await startApp((request, response) => {
      response.setHeader("server", "app");
      response.end(JSON.stringify(request.headers));
    });
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(
      rulesFor("users", [
        {
          requestHeaders: { set: [{ name: "x-env", value: "canary" }], remove: ["x-secret"] },
          responseHeaders: { set: [{ name: "x-served-by", value: "mesh" }], remove: ["server"] },
        },
      ]),
    );
    const { outboundPort } = world.proxy;
    const { headers, body } = await callUsers(outboundPort, {
      headers: { "x-env": "prod", "x-secret": "1", "x-keep": "1" },
    });
    const seen: unknown = JSON.parse(body);
    assert.ok(typeof seen === "object" && seen !== null);
    assert.equal("x-env" in seen && seen["x-env"], "canary");
    assert.deepEqual(["x-secret" in seen, "x-keep" in seen, "host" in seen && seen.host], [false, true, "users"]);
    assert.deepEqual([headers["x-served-by"], headers["server"]], ["mesh", undefined]);
    world.serve("users", []);
    await eventually("nobody serves it", () => world.router.states("users").length === 0);
    const own = await callUsers(outboundPort);
    assert.deepEqual([own.status, own.headers["x-served-by"]], [503, undefined]);
  });
});

describe("times of a rule", () => {
  test("a request that takes longer in all is answered 504, and says by which rule", async () => {
    await using app = await startSilent();
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ requestTimeout: ms(40) }]));
    const { status, headers, body } = await callUsers(world.proxy.outboundPort);
    assert.deepEqual([status, headers["mesh-error"]], [504, "request-timeout"]);
    assert.match(body, /40 ms that HTTPRoute default\/users, rule 1 allows/);
    assert.equal(world.recorder.records[0]?.error, "request-timeout");
  });

  test("it is cut off when its response has begun", async () => {
    await using app = await startApp((_request, response) => void response.write("half"));
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ requestTimeout: ms(400) }]));
    await assert.rejects(callUsers(world.proxy.outboundPort));
    const [record] = world.recorder.records;
    assert.deepEqual([record?.status, record?.error], [0, "request-timeout"]);
  });

  test("a slow try is answered 504, and not repeated where nobody asked for retries", async () => {
    await using silent = await startSilent();
    await using world = await startSteered({ users: [silent.port] });
    world.policy.say(rulesFor("users", [{ backendRequestTimeout: ms(20) }]));
    const { status } = await callUsers(world.proxy.outboundPort);
    assert.deepEqual([status, world.recorder.records[0]?.attempts], [504, 1]);
  });

  test("the time of a try runs to the end of its response, as Gateway API has it", async () => {
    await using app = await startApp((_request, response) => void response.writeHead(200).write("a part"));
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ backendRequestTimeout: ms(1_000) }]));
    // Its head was on its way long before that: there is no status to change any more.
    await assert.rejects(callUsers(world.proxy.outboundPort));
    await eventually("it is recorded", () => world.recorder.records.length === 1);
    assert.equal(world.recorder.records[0]?.status, 0);
  });

  test("a slow try of a safe method is tried again elsewhere, one of another method is answered 504", async () => {
    await using silent = await startSilent();
    await using app = await startApp((_request, response) => response.end("ok"));
    await using world = await startSteered({ users: [silent.port, app.port] });
    world.policy.say(rulesFor("users", [{ backendRequestTimeout: ms(500), retry: { attempts: 2 } }]));
    const { outboundPort } = world.proxy;
    for (let i = 0; i < 4; i += 1) assert.equal((await callUsers(outboundPort)).status, 200);
    world.serve("users", [silent.port]);
    await eventually("one is left", () => world.router.states("users").length === 1);
    const { status, headers } = await callUsers(outboundPort, { method: "POST", body: "x" });
    assert.deepEqual([status, headers["mesh-error"]], [504, "timeout"]);
  });

  test("the time of the request is over all tries together", async () => {
    await using app = await startSilent();
    await using world = await startSteered({ users: [app.port] });
    const retry = { attempts: 9, codes: [504], backoff: ms(5) };
    world.policy.say(rulesFor("users", [{ backendRequestTimeout: ms(20), requestTimeout: ms(70), retry }]));
    const { headers } = await callUsers(world.proxy.outboundPort);
    assert.equal(headers["mesh-error"], "request-timeout");
    assert.ok((world.recorder.records[0]?.attempts ?? 9) < 5);
  });
});

describe("retries of a rule", () => {
  const retry = { attempts: 2, codes: [503, 429], backoff: ms(2) };

  test("statuses that it lists are tried again, with the same body, and the client sees only the last answer", async () => {
    await using app = await startFlaky([503, 429, 200]);
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ retry }]));
    const { status, body } = await callUsers(world.proxy.outboundPort, { method: "POST", body: "twice" });
    assert.deepEqual([status, body, app.bodies], [200, "answer 3", ["twice", "twice", "twice"]]);
    assert.equal(world.recorder.records[0]?.attempts, 3);
  });

  test("and their connection is kept, for the answer that was not wanted is short", async () => {
    await using app = await startFlaky([503, 503, 200]);
    let connections = 0;
    app.server.on("connection", () => {
      connections += 1;
    });
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ retry: { ...retry, backoff: ms(20) } }]));
    assert.equal((await callUsers(world.proxy.outboundPort)).status, 200);
    assert.deepEqual([app.bodies.length, connections], [3, 1]);
  });

  test("so is a body that came without a length, as long as it is short", async () => {
    await using app = await startFlaky([503, 200, 503, 200]);
    await using world = await startSteered({ users: [app.port] }, { limits: { replayBytes: 1_000 } });
    world.policy.say(rulesFor("users", [{ retry }]));
    const { outboundPort } = world.proxy;
    const short = await callUsers(outboundPort, { method: "POST", body: "short", chunked: true });
    assert.deepEqual([short.status, app.bodies], [200, ["short", "short"]]);
    const long = await callUsers(outboundPort, { method: "POST", body: "x".repeat(2_000), chunked: true });
    assert.deepEqual([long.status, app.bodies.length], [503, 3]);
  });

  test("after the last try the answer goes through as it is", async () => {
    await using app = await startFlaky([503]);
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ retry }]));
    const { status, headers, body } = await callUsers(world.proxy.outboundPort);
    assert.deepEqual([status, body, headers["mesh-error"]], [503, "answer 3", undefined]);
  });

  test("other statuses, and those of rules without retries, are not", async () => {
    await using app = await startFlaky([500]);
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ retry }]));
    assert.equal((await callUsers(world.proxy.outboundPort)).status, 500);
    world.policy.say(rulesFor("users", [{}]));
    assert.equal((await callUsers(world.proxy.outboundPort)).status, 500);
    assert.equal(app.bodies.length, 2);
  });

  test("a budget without routes is above the proxy's own", async () => {
    const closed = await closedPort();
    await using world = await startSteered({ users: [closed] });
    const rules = rulesFor("users", []);
    rules.retryBudget = create(RetryBudgetSchema, {});
    world.policy.say(rules);
    assert.equal((await callUsers(world.proxy.outboundPort)).status, 503);
    assert.equal(world.recorder.records[0]?.attempts, 1);
    const [row] = world.router.take();
    assert.deepEqual([row?.refused, row?.retries, row?.retriesDenied, row?.retryBudget], [1, 0, 1, 0]);
  });

  test("the budget is above them, and what it denied is counted", async () => {
    await using app = await startFlaky([503]);
    await using world = await startSteered({ users: [app.port] });
    const rules = rulesFor("users", [{ retry }]);
    rules.retryBudget = create(RetryBudgetSchema, { minCount: 1, minInterval: ms(10_000) });
    world.policy.say(rules);
    assert.equal((await callUsers(world.proxy.outboundPort)).status, 503);
    assert.equal(app.bodies.length, 2);
    assert.equal(world.router.pending(), true);
    const [row] = world.router.take();
    assert.deepEqual([row?.target, row?.retries, row?.retriesDenied, row?.retryBudget], ["users", 1, 1, 0]);
  });

  test("a client that goes away in a pause ends it", async () => {
    await using app = await startFlaky([503]);
    await using world = await startSteered({ users: [app.port] });
    world.policy.say(rulesFor("users", [{ retry: { ...retry, backoff: ms(5_000) } }]));
    const { request } = await import("node:http");
    const call = request({ host: "127.0.0.1", port: world.proxy.outboundPort, headers: { host: "users" } });
    call.once("error", () => undefined).end();
    await eventually("it was tried", () => app.bodies.length === 1 && world.proxy.stats().retries === 1);
    call.destroy();
    await eventually("it is recorded", () => world.recorder.records.length === 1);
    assert.equal(world.recorder.records[0]?.status, 499);
  });

  test("a connection that breaks is tried again for a method that is not safe only when the author has named codes", async () => {
    let calls = 0;
    await using broken = await startBytes((socket) => {
      socket.once("data", () => {
        calls += 1;
        socket.destroy();
      });
    });
    await using world = await startSteered({ users: [broken.port] });
    world.policy.say(rulesFor("users", [{ retry: { attempts: 1 } }]));
    const post = { method: "POST", body: "x" };
    assert.equal((await callUsers(world.proxy.outboundPort, post)).status, 502);
    assert.equal(calls, 1);
    world.policy.say(rulesFor("users", [{ retry: { attempts: 1, codes: [503] } }]));
    assert.equal((await callUsers(world.proxy.outboundPort, post)).status, 502);
    assert.equal(calls, 3);
  });
});

describe("a backend that nobody serves", () => {
  test("is the one that its failed requests are counted for", async () => {
    await using world = await startSteered({});
    world.destination.say(authorityOf("users-next"), absentAnswer(authorityOf("users-next")));
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    assert.equal((await callUsers(world.proxy.outboundPort)).status, 503);
    await eventually("it is recorded", () => world.recorder.records.length === 1);
    const [record] = world.recorder.records;
    assert.deepEqual([record?.target, record?.backend], ["users", "users-next"]);
  });
});

describe("tunnels", () => {
  test("to a name that nobody serves are opened when its rules lead elsewhere, request by request", async () => {
    await using next = await startApp((request, response) => response.end(`next ${request.url}`));
    await using world = await startSteered({ "users-next": [next.port] });
    world.destination.say(authorityOf("users"), absentAnswer(authorityOf("users")));
    const send = "CONNECT users:80 HTTP/1.1\r\nHost: users:80\r\n\r\n";
    assert.match(await exchangeRaw(world.proxy.outboundPort, send), /^HTTP\/1.1 502 /);
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }], [{ rule: 0, path: prefix("/next") }]));
    const raw = await openRaw(world.proxy.outboundPort);
    raw.send(send);
    assert.match(await raw.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1.1 200 /);
    raw.send("GET /next HTTP/1.1\r\nHost: users\r\n\r\n");
    await raw.until((text) => text.includes("next /next"));
    raw.send("GET /other HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n");
    assert.match(await raw.closed(), /HTTP\/1.1 404 .*mesh-error: no-route/s);
  });

  test("of bytes that nobody looks into go by a rule without conditions, and are counted by its backend", async () => {
    await using echo = await startBytes((socket) => void socket.pipe(socket));
    await using world = await startSteered({ users: [], "users-next": [echo.port] });
    world.policy.say(rulesFor("users", [{ backends: [share("users-next", 1)] }]));
    const raw = await openRaw(world.proxy.outboundPort);
    raw.send("CONNECT users:80 HTTP/1.1\r\nHost: users:80\r\n\r\n");
    await raw.until((text) => text.includes("\r\n\r\n"));
    raw.send("\x00\x01hello");
    await raw.until((text) => text.endsWith("hello"));
    raw.socket.destroy();
    await eventually("it is recorded", () => world.recorder.records.length === 1);
    const [record] = world.recorder.records;
    assert.deepEqual(
      [record?.opaque, record?.target, record?.backend, record?.status],
      [true, "users", "users-next", 0],
    );
  });
});

describe("mirrors", () => {
  test("get a copy of the request; its answer, its failure and its slowness are nobody's", async () => {
    await using app = await startApp((_request, response) => response.end("real"));
    await using shadow = await startFlaky([500]);
    await using world = await startSteered({ users: [app.port], shadow: [shadow.port] });
    world.policy.say(rulesFor("users", [{ mirrors: [{ authority: authorityOf("shadow") }] }]));
    const { status, body } = await callUsers(world.proxy.outboundPort, { method: "POST", body: "copied" });
    assert.deepEqual([status, body], [200, "real"]);
    await eventually("both are recorded", () => world.recorder.records.length === 2);
    assert.deepEqual(shadow.bodies, ["copied"]);
    assert.deepEqual(
      world.recorder.records
        .map(({ target, source, status }) => `${target} from ${source}: ${status}`)
        .toSorted((a, b) => a.localeCompare(b)),
      ["shadow from web: 500", "users from web: 200"],
    );
    assert.equal(world.proxy.stats().mirroring, 0);
  });

  test("are bounded: beyond a hundred in flight requests go without, and that is counted", async () => {
    await using app = await startApp((_request, response) => response.end("real"));
    await using silent = await startSilent();
    await using world = await startSteered({ users: [app.port], shadow: [silent.port] });
    world.policy.say(rulesFor("users", [{ mirrors: [{ authority: authorityOf("shadow") }] }]));
    const calls = await Promise.all(Array.from({ length: 110 }, () => callUsers(world.proxy.outboundPort)));
    assert.ok(calls.every(({ status }) => status === 200));
    const { mirroring, mirrorsDropped } = world.proxy.stats();
    assert.deepEqual([mirroring, mirrorsDropped], [100, 10]);
  });

  test("with a share of 0 of 1 get nothing, and bodies of unknown length are copied once they are whole", async () => {
    await using app = await startApp((_request, response) => response.end("real"));
    await using shadow = await startFlaky([200]);
    await using world = await startSteered({ users: [app.port], shadow: [shadow.port] });
    const authority = authorityOf("shadow");
    world.policy.say(rulesFor("users", [{ mirrors: [{ authority, numerator: 0, denominator: 1 }] }]));
    await callUsers(world.proxy.outboundPort);
    world.policy.say(rulesFor("users", [{ mirrors: [{ authority }] }]));
    await callUsers(world.proxy.outboundPort, { method: "POST", body: "x", chunked: true });
    await eventually("the copy came", () => shadow.bodies.length > 0);
    assert.deepEqual([shadow.bodies, world.proxy.stats().mirrorsDropped], [["x"], 0]);
  });
});

describe("a share that changes under load", () => {
  test("moves requests from 90/10 to 50/50 without one error, and records tell by which backend", async () => {
    await using old = await startApp((_request, response) => response.end("old"));
    await using next = await startApp((_request, response) => response.end("next"));
    await using world = await startSteered({ users: [old.port], "users-next": [next.port] });
    const split = (a: number, b: number) =>
      rulesFor("users", [{ backends: [share("users", a), share("users-next", b)] }]);
    const { recorder, proxy } = world;
    const load = (count: number) => Promise.all(Array.from({ length: count }, () => callUsers(proxy.outboundPort)));
    const shareOfNext = (from: number): number => {
      const records = recorder.records.slice(from);
      return records.filter((record) => record.backend === "users-next").length / records.length;
    };
    world.policy.say(split(90, 10));
    for (let i = 0; i < 15; i += 1) await load(20);
    const before = shareOfNext(0);
    const running = load(20);
    world.policy.say(split(50, 50));
    await running;
    const from = recorder.records.length;
    for (let i = 0; i < 15; i += 1) await load(20);
    assert.ok(recorder.records.every(({ status }) => status === 200));
    assert.ok(before > 0.03 && before < 0.2, `${before}`);
    assert.ok(shareOfNext(from) > 0.38 && shareOfNext(from) < 0.62, `${shareOfNext(from)}`);
    const rows = world.router.take();
    assert.deepEqual(
      rows.map(({ target, backend, endpoints }) => [target, backend, endpoints]),
      [
        ["users", "", 1],
        ["users", "users-next", 1],
      ],
    );
  });
});
