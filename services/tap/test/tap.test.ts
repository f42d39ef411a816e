import assert from "node:assert/strict";
import { type ClientHttp2Session, connect } from "node:http2";
import { describe, it } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { NoticeKind, View, WatchRequestSchema } from "@patchbay/proto/mesh/tap/v1/tap_pb";
import { envelope } from "@patchbay/runtime";
import { eventually, testToken } from "@patchbay/testkit";
import { type RunningTap, startFakeProxy, startTap, type Watched } from "./support/tap-service.ts";

type Asked = MessageInitShape<typeof WatchRequestSchema>;

const USERS = { selector: { target: "default/users" } };

/** A tap that all proxies listen to. */
async function listening(tap: RunningTap, asked: Parameters<RunningTap["watch"]>[0], inbound = 1): Promise<Watched> {
  const watched = tap.watch(asked);
  await eventually("the proxies listen", () => (watched.coverages.at(-1)?.inbound ?? 0) >= inbound);
  return watched;
}

describe("the tap service", () => {
  it("says first who takes part, then shows what the proxies of the service and of its callers see", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    await using web = await startFakeProxy("web", { serves: false });
    tap.know([users, web]);
    const watched = await listening(tap, USERS);
    await eventually("all listen", () => watched.coverages.at(-1)?.outbound === 2);
    assert.equal(watched.order[0], "coverage");
    users.show({ id: "1", path: "/a" });
    await eventually("it is shown", () => watched.requests.length === 1);
    web.show({ id: "1", path: "/b" });
    await eventually("the caller's too", () => watched.requests.length === 2);
    assert.deepEqual(
      watched.requests.map(({ path }) => path),
      ["/a", "/b"],
    );
    await watched.stop();
    await eventually("the proxies have been left", () => users.asked().length + web.asked().length === 0);
  });

  it("asks only the proxies that can see the requests", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    await using web = await startFakeProxy("web");
    await using cart = await startFakeProxy("cart");
    tap.know([users, web, cart]);
    const from = tap.watch({ selector: { target: "default/users", source: "default/web" } });
    const inbound = tap.watch({ selector: { target: "default/users", view: View.INBOUND } });
    await eventually("they listen", () => users.asked().length === 2 && web.asked().length === 1);
    assert.equal(cart.asked().length, 0);
    await Promise.all([from.stop(), inbound.stop()]);
  });

  it("follows proxies that come, go, and come back", async () => {
    await using tap = await startTap();
    await using one = await startFakeProxy("users");
    await using two = await startFakeProxy("users");
    tap.know([one]);
    const watched = await listening(tap, USERS);
    tap.know([one, two]);
    await eventually("the second takes part", () => watched.coverages.at(-1)?.inbound === 2);
    tap.know([two]);
    await eventually("the first has been left", () => one.asked().length === 0);
    await eventually("that is said", () => watched.coverages.at(-1)?.inbound === 1);
    two.show();
    await eventually("the second is heard", () => watched.requests.length === 1);
    await watched.stop();
  });

  it("names the proxies that do not take part, and why", async () => {
    await using tap = await startTap();
    await using full = await startFakeProxy("users", { refuse: new ConnectError("32 taps", Code.ResourceExhausted) });
    const gone = await startFakeProxy("users");
    await gone[Symbol.asyncDispose]();
    tap.know([full, gone]);
    const watched = tap.watch(USERS);
    await eventually("both are missing", () => watched.coverages.at(-1)?.missing.length === 2);
    assert.match(watched.coverages.at(-1)?.missing.join() ?? "", /32 taps/);
    await watched.stop();
  });

  it("keeps to its rate over all proxies, and tells what is more, at the proxies too", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const watched = await listening(tap, { ...USERS, maxRps: 3 });
    assert.equal(users.asked()[0]?.maxRps, 3);
    for (let i = 0; i < 10; i += 1) users.show({ id: String(i) });
    users.tell({ kind: NoticeKind.RATE_LIMITED, dropped: 5n });
    const dropped = (): number => watched.notices.reduce((sum, notice) => sum + Number(notice.dropped), 0);
    await eventually("everything is accounted for", () => watched.requests.length + dropped() === 15);
    assert.ok(watched.requests.length >= 3 && watched.requests.length <= 6);
    assert.match(watched.notices[0]?.message ?? "", /3 that are shown/);
    await watched.stop();
  });

  it("ends after so many requests; those without an answer yet do not count", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const watched = await listening(tap, { ...USERS, limit: 2 });
    users.show({ id: "1", open: true, status: 0 });
    users.show({ id: "1" });
    users.show({ id: "2" });
    users.show({ id: "3" });
    assert.equal(await watched.ended, undefined);
    assert.deepEqual(
      watched.requests.map(({ id, open }) => [id, open]),
      [
        ["1", true],
        ["1", false],
        ["2", false],
      ],
    );
  });

  it("ends after its time and says so", async () => {
    await using tap = await startTap();
    const watched = tap.watch({ selector: {}, duration: durationFromMs(200) });
    assert.equal(await watched.ended, undefined);
    assert.equal(watched.notices.at(-1)?.kind, NoticeKind.DURATION);
  });

  for (const [what, request, field] of [
    [
      "an expression that is wrong",
      { selector: { when: "response.cod >= 500" } },
      /^selector\.where at 1: .*response\.code/,
    ],
    ["a value of a secret", { selector: { headers: { cookie: "a=b" } } }, /^selector\.headers: .*secret/],
    ["a time that is too long", { duration: durationFromMs(3_600_001) }, /^duration: /],
    ["a rate that is too high", { maxRps: 1_001 }, /^max_rps: /],
  ] as const)
    it(`refuses ${what}`, async () => {
      await using tap = await startTap();
      const error = await tap.watch(request).ended;
      assert.equal(error?.code, Code.InvalidArgument);
      assert.match(error?.rawMessage ?? "", field);
    });

  it("does not know a service that nobody serves, and suggests the nearest", async () => {
    await using tap = await startTap({ known: ["legacy.default.svc.cluster.local", "hello.my-resolver"] });
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const error = await tap.watch({ selector: { target: "default/uzers" } }).ended;
    assert.equal(error?.code, Code.NotFound);
    assert.match(error?.rawMessage ?? "", /no service uzers.*"users"/);
    for (const target of ["default/legacy", "my-resolver/hello"]) {
      const watched = tap.watch({ selector: { target } });
      await eventually("it waits for callers", () => watched.coverages.length > 0);
      await watched.stop();
    }
  });

  it("is for operators", async () => {
    await using tap = await startTap();
    for (const kind of ["proxy", "plugin"] as const)
      assert.equal((await tap.watch({}, kind).ended)?.code, Code.PermissionDenied);
  });

  it("runs a bounded number of taps, says so to those beyond, and makes room again", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const all = Array.from({ length: 100 }, () => tap.watch(USERS));
    const refused = new Set<Watched>();
    for (const each of all)
      void each.ended.then((error) => {
        if (error?.code === Code.ResourceExhausted) refused.add(each);
      });
    await eventually("64 run", () => refused.size === 36 && users.asked().length === 64);
    await Promise.all(all.map((each) => each.stop()));
    await eventually("all have been left", () => users.asked().length === 0);
    const again = await listening(tap, USERS);
    await again.stop();
    await eventually(
      "each has left its line",
      () => tap.lines.filter(({ text }) => text === "tap ended").length === 65,
    );
  });

  it("writes who has looked at what, for how long, and how much of it; but no secret", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const where = 'request.headers["authorization"] == "Bearer s3cret" && request.method == "GET"';
    const watched = await listening(tap, {
      selector: { target: "default/users", headers: { "x-tenant": "acme" }, when: where },
      client: "ann@desk\n{}",
    });
    users.show();
    await eventually("it is shown", () => watched.requests.length === 1);
    await watched.stop();
    await eventually("it is written", () => tap.lines.length === 1);
    const { fields, text } = tap.lines[0] ?? { fields: {}, text: "" };
    assert.equal(text, "tap ended");
    assert.equal(fields["caller"], "operator/default/tester/one");
    assert.equal(fields["asker"], "ann@desk {}");
    assert.deepEqual([fields["requests"], fields["dropped"], fields["why"]], [1, 0, "the caller went away"]);
    assert.ok(!JSON.stringify(fields).includes("s3cret"));
    assert.match(String(fields["what"]), /target=default\/users headers=x-tenant:acme where=request\.headers/);
  });

  it("lets go of a reader that stops reading, without holding what it misses", async () => {
    await using tap = await startTap({ settings: { stuckReaderMs: 400 } });
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const session = connect(tap.address);
    const stream = await beginWithoutReading(session);
    await eventually("it listens", () => users.asked().length === 1);
    const path = `/${"x".repeat(8_000)}`;
    for (let i = 0; i < 900; i += 1) users.show({ id: String(i), path });
    await eventually("it is let go", () => tap.lines.length === 1);
    assert.equal(tap.lines[0]?.fields["why"], "the caller stopped reading");
    assert.ok(Number(tap.lines[0]?.fields["dropped"]) > 0);
    await eventually("the proxy has been left", () => users.asked().length === 0);
    stream.destroy();
    session.destroy();
  });

  it("does not wait for a caller that never ends its own side", async () => {
    await using tap = await startTap();
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const session = connect(tap.address);
    const stream = await beginWithoutReading(session, { ...USERS, limit: 1 }, false);
    stream.resume();
    await eventually("it listens", () => users.asked().length === 1);
    users.show();
    await eventually("it has ended", () => tap.lines.length === 1);
    assert.match(String(tap.lines[0]?.fields["why"]), /as many requests/);
    session.destroy();
  });

  it("ends its taps when it stops, and tells their callers to ask again", async () => {
    const tap = await startTap();
    await using users = await startFakeProxy("users");
    tap.know([users]);
    const watched = await listening(tap, USERS);
    await tap.app.stop();
    assert.equal((await watched.ended)?.code, Code.Unavailable);
    await eventually("the proxy has been left", () => users.asked().length === 0);
    assert.equal(tap.lines[0]?.fields["why"], "the service is stopping");
    await tap.stop();
  });
});

/** A call whose answer nobody takes from the socket. */
async function beginWithoutReading(
  session: ClientHttp2Session,
  asked: Asked = { ...USERS, maxRps: 1_000 },
  ends = true,
) {
  const stream = session.request({
    ":method": "POST",
    ":path": "/mesh.tap.v1.Tap/Watch",
    "content-type": "application/connect+proto",
    authorization: `Bearer ${testToken({ kind: "operator", instance: "two" })}`,
  });
  stream.on("error", () => undefined);
  session.on("error", () => undefined);
  stream.write(envelope(toBinary(WatchRequestSchema, create(WatchRequestSchema, asked))));
  if (ends) stream.end();
  return stream;
}
