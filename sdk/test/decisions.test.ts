import assert from "node:assert/strict";
import { test } from "node:test";
import { authorize, toAuthorizeResponse } from "../src/hooks/authorize.ts";
import { describeDecision } from "../src/hooks/decision-hooks.ts";
import { ratelimit, toLeaseResponse } from "../src/hooks/ratelimit.ts";
import { allow, type Decision, definePlugin, deny, grant, type Lease, PluginMistake, refuse } from "../src/index.ts";
import { startTest } from "../src/test/index.ts";

/** A plugin that answers every request with this, which may break its types. */
const authorizer = (authorize: unknown, options = {}) =>
  definePlugin({ name: "gate", hooks: { authorize: authorize as () => Decision }, options: { authorize: options } });

const limiter = (ratelimit: unknown) =>
  definePlugin({ name: "limits", hooks: { ratelimit: ratelimit as () => Lease } });

const here = (text: string) => new RegExp(`^(PluginMistake: )?${text}.*\\((\\S+/)?decisions\\.test\\.ts:\\d+:\\d+\\)$`);

function mistakeIn(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof PluginMistake);
    return error.message;
  }
  throw new Error("it was accepted");
}

test("decisions are plain values", () => {
  assert.deepEqual(allow(), { kind: "allow" });
  assert.deepEqual(allow({ ttl: "30s", vary: ["path", "header:X-Tenant"] }), {
    kind: "allow",
    ttlMs: 30_000,
    vary: ["path", "header:X-Tenant"],
  });
  assert.deepEqual(deny(), { kind: "deny", reason: "", status: 403 });
  assert.deepEqual(deny("log in", { status: 401, ttl: 500, vary: ["source"] }), {
    kind: "deny",
    reason: "log in",
    status: 401,
    ttlMs: 500,
    vary: ["source"],
  });
  assert.deepEqual(grant(1), { kind: "grant", requests: 1 });
  assert.deepEqual(grant(10, { validFor: "1s" }), { kind: "grant", requests: 10, validForMs: 1_000 });
  assert.deepEqual(
    [refuse(), refuse({ retryAfter: "500ms" })],
    [{ kind: "refuse" }, { kind: "refuse", retryAfterMs: 500 }],
  );
});

for (const [what, make, message] of [
  [
    "a ttl without vary",
    () => allow({ ttl: "30s" }),
    /ttl and without vary, which would never be used\. Name what .* \["source"\] when only who calls counts/,
  ],
  ["a ttl with an empty vary", () => deny("no", { ttl: 1, vary: [] }), /would never be used/],
  [
    "vary without a ttl",
    () => allow({ vary: ["path"] }),
    /vary and without ttl, which would never be used\. Add for how long/,
  ],
  [
    "a ttl that is no time",
    () => allow({ ttl: "soon" as "1s", vary: ["path"] }),
    /allow\(\{ ttl \}\) is "soon", which is not a duration/,
  ],
  [
    "an attribute that there is not",
    () => allow({ ttl: "1s", vary: ["host" as "path"] }),
    /"host" in vary\. There are "source", "method", "path" and "header:NAME"/,
  ],
  ["a header that cannot be", () => allow({ ttl: "1s", vary: ["header:a b"] }), /"header:a b" in vary/],
  ["a status of success", () => deny("no", { status: 200 as 403 }), /status 200\. It is 403, or 401/],
  ["a reason that is none", () => deny({ code: 7 } as unknown as string), /deny\(\) with the reason \{"code":7\}/],
  ["no requests", () => grant(0), /grant\(0\)\. Return refuse/],
  ["half a request", () => grant(0.5), /grant\(0\.5\)\. Grant a whole number .* Math\.floor/],
  ["not a number of requests", () => grant(Number.NaN, { validFor: "1s" }), /Grant a whole number/],
  ["many requests without a time", () => grant(10), /without validFor, of which only one would be used/],
  ["a time of nothing", () => grant(10, { validFor: 0 }), /valid for 0\. Write validFor: "1s"/],
] as const) {
  test(`an answer with ${what} is a mistake that says what to do instead, with its place`, () => {
    assert.match(mistakeIn(make), message);
    assert.match(mistakeIn(make), /\(\S*decisions\.test\.ts:\d+:\d+\)$/);
  });
}

test("an authorizer decides by who calls what, from its configuration", async () => {
  const plugin = definePlugin({
    name: "gate",
    config: { type: "object", properties: { admins: { type: "array", items: { type: "string" }, default: ["ops"] } } },
    hooks: {
      async authorize({ source, target, method, path, headers, policy, config }) {
        if (!source.identity) return deny("who are you?", { status: 401 });
        if (config.admins.includes(source.service)) return allow({ ttl: "1m", vary: ["source"] });
        return deny(
          [source.namespace, target.namespace, target.service, method, path, headers.tenant, policy].join(" "),
        );
      },
    },
  });
  await using started = await startTest(plugin);
  assert.deepEqual(await started.authorize({ source: "ops" }), allow({ ttl: "1m", vary: ["source"] }));
  assert.deepEqual(await started.authorize({ source: "" }), deny("who are you?", { status: 401 }));
  assert.deepEqual(await started.authorize(), deny("default default users GET /  default/test"));
  assert.deepEqual(
    await started.authorize({
      source: "a/b",
      target: "c/d",
      method: "PUT",
      path: "/x",
      headers: { tenant: "t" },
      policy: "p/q",
    }),
    deny("a c d PUT /x t p/q"),
  );
  const foreign = { source: "spiffe://other.example/workload" };
  assert.equal((await started.authorize(foreign)).kind, "deny");
});

test("a rate limiter sees the limit and who asks", async () => {
  await using started = await startTest(
    limiter(
      ({ requests, perMs, burst, key, wanted, unspent, holder, policy, limit }: ReturnType<typeof ratelimit.fill>) => {
        const seen = [requests, perMs, burst, key.length, unspent, holder, policy, limit].join(" ");
        return seen === "10 1000 10 0 0 default/web/web-1 default/test limit"
          ? grant(wanted, { validFor: "1s" })
          : refuse();
      },
    ),
  );
  assert.deepEqual(await started.ratelimit({ wanted: 5 }), grant(5, { validFor: "1s" }));
  assert.deepEqual(await started.ratelimit({ key: ["a"] }), refuse());
});

for (const [what, hook, message] of [
  ["returns nothing", () => undefined, "authorize returned undefined, which is no decision. Return allow"],
  ["returns true", () => true, "authorize returned true, which is no decision"],
  [
    "returns an answer made by hand that would never be used",
    () => ({ kind: "allow", ttlMs: 5 }),
    "authorize got allow\\(\\) with ttl and without vary",
  ],
  [
    "throws",
    async () => {
      throw new TypeError("the table is gone");
    },
    "authorize threw TypeError: the table is gone",
  ],
  [
    "throws at once",
    () => {
      throw new RangeError("early");
    },
    "authorize threw RangeError: early",
  ],
] as const) {
  test(`an authorizer that ${what} is told so, with the place`, async () => {
    await using started = await startTest(authorizer(hook));
    await assert.rejects(started.authorize(), { name: "PluginMistake", message: here(message) });
  });
}

test("a generator that hides in a wrapper is found when it is called", async () => {
  const wrapped = authorizer(() =>
    (function* () {
      yield allow();
    })(),
  );
  await using started = await startTest(wrapped);
  await assert.rejects(started.authorize(), /a generator\. Write it without the `\*`, as `async authorize\(\.\.\.\)`/);
});

test("a rate limiter that grants more than was wanted is told so", async () => {
  await using started = await startTest(limiter(() => grant(50, { validFor: "1s" })));
  await assert.rejects(
    started.ratelimit({ wanted: 20 }),
    here("ratelimit granted 50 requests where 20 were wanted. Grant Math.min"),
  );
  assert.deepEqual(await started.ratelimit({ wanted: 50 }), grant(50, { validFor: "1s" }));
});

test("header names in vary become lower case, as headers come", async () => {
  await using started = await startTest(authorizer(() => allow({ ttl: 1, vary: ["header:X-Tenant"] })));
  assert.deepEqual(await started.authorize(), allow({ ttl: 1, vary: ["header:x-tenant"] }));
});

test("an authorizer that is late is reported as the mesh would see it, and its signal is aborted", async () => {
  let aborted = false;
  const slow = ({ signal }: { signal: AbortSignal }) =>
    new Promise(() =>
      signal.addEventListener("abort", () => {
        aborted = true;
      }),
    );
  await using started = await startTest(authorizer(slow, { deadline: "5ms" }));
  await assert.rejects(
    started.authorize(),
    /authorize has not answered within 0\.005 s\. The policy's failure policy decides/,
  );
  assert.ok(aborted);
});

test("asking for a hook that the plugin has not is an error of the test", async () => {
  await using started = await startTest(limiter(() => refuse()));
  await assert.rejects(started.authorize(), /the plugin has no hook "authorize"\. Add `hooks: \{ async authorize\(\)/);
});

test("a generator is no decision, and options are checked by name and range", () => {
  const definition = (hooks: object, options: object) => () =>
    Reflect.apply(definePlugin, undefined, [{ name: "gate", hooks, options }]);
  async function* authorize() {
    yield allow();
  }
  assert.match(
    mistakeIn(definition({ authorize }, {})),
    /"hooks\.authorize" is a generator and should be an async function: write `async authorize/,
  );
  const message = mistakeIn(
    definition({ ratelimit: refuse }, { ratelimit: { deadline: "6s", concurrency: 2_000 }, authorize: {} }),
  );
  assert.match(message, /"options\.ratelimit\.deadline" is "6s" and should be a duration of at most 5 s/);
  assert.match(message, /"options\.ratelimit\.concurrency" is 2000 and should be a whole number from 1 to 1024/);
  assert.match(message, /"options\.authorize" is there, but no handler "authorize"/);
  assert.match(mistakeIn(definition({ authorise: allow }, {})), /Did you mean "authorize"\?/);
});

test("times are whole milliseconds on the wire, never longer than was said", () => {
  assert.equal(toAuthorizeResponse(allow({ ttl: 1.7, vary: ["path"] })).ttl?.nanos, 1_000_000);
  assert.equal(toLeaseResponse(grant(2, { validFor: 33.3 })).validFor?.nanos, 33_000_000);
  assert.equal(toLeaseResponse(refuse({ retryAfter: 0.2 })).retryAfter?.nanos, 1_000_000);
});

test("a decision reads well in one line", () => {
  const question = authorize.fill({ source: "staging/web", path: "/cart" });
  const line = (answer: Decision) => describeDecision({ hook: "authorize", question, answer, tookMs: 1 });
  assert.equal(line(allow()), "authorize staging/web -> users GET /cart: allow");
  assert.equal(
    line(deny("closed", { ttl: "30s", vary: ["path"] })),
    'authorize staging/web -> users GET /cart: deny 403 "closed", for 30 s by path',
  );
  const asked = ratelimit.fill({ key: ["acme"], wanted: 10, unspent: 3 });
  const lease = (answer: Lease) => describeDecision({ hook: "ratelimit", question: asked, answer, tookMs: 1 });
  assert.equal(
    lease(grant(4, { validFor: 200 })),
    "ratelimit default/test limit [acme] for default/web/web-1: 4 of 10 for 200 ms, 3 given back",
  );
  assert.equal(
    lease(refuse()),
    "ratelimit default/test limit [acme] for default/web/web-1: refused for 1 s, 3 given back",
  );
});

test("a change of an objective reaches its handler as plain values", async () => {
  const seen: unknown[] = [];
  await using started = await startTest(
    definePlugin({
      name: "pager",
      on: { slo: ({ name, state, short, at }) => void seen.push([name, state, short.burn, at]) },
    }),
  );
  const at = new Date(5);
  assert.deepEqual(await started.deliver.slo({ name: "fast", state: "ok", at }), { status: "acked" });
  assert.deepEqual(seen, [["fast", "ok", 20, at]]);
});
