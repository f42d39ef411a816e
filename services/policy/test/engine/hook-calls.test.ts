import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { DECISION_HOOKS } from "@patchbay/model";
import { createPluginCalls } from "@patchbay/plugin-calls";
import {
  AuthorizeResponseSchema as AnswerSchema,
  type AuthorizeRequest as Question,
  AuthorizeRequestSchema as QuestionSchema,
} from "@patchbay/proto/mesh/plugin/v1/authorizer_pb";
import {
  LeaseResponseSchema as LeaseAnswerSchema,
  type LeaseRequest as LeaseQuestion,
  LeaseRequestSchema as LeaseQuestionSchema,
} from "@patchbay/proto/mesh/plugin/v1/rate_limiter_pb";
import { LeaseRequestSchema } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { PluginRefSchema, RateLimitSchema } from "@patchbay/proto/mesh/policy/v1/snapshot_pb";
import { WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { createMetrics, createViewTable, developmentSettings } from "@patchbay/runtime";
import { eventually } from "@patchbay/testkit";
import { type Claims, systemClock } from "@patchbay/wire";
import { createAuthorize } from "../../src/engine/hooks/authorize.ts";
import { createLeaseShare } from "../../src/engine/hooks/lease.ts";
import { pluginOf } from "../support/registrations.ts";

type Answer = MessageInitShape<typeof AnswerSchema>;
type LeaseAnswer = MessageInitShape<typeof LeaseAnswerSchema>;

interface Behaviour {
  authorize?(question: Question): Answer | Promise<Answer>;
  lease?(question: LeaseQuestion): LeaseAnswer;
}

const ALLOW: Answer = { decision: { case: "allow", value: {} } };
const ref = { kind: "AuthorizationPolicy", namespace: "default", name: "ask" };
const users: Claims = { kind: "proxy", namespace: "default", name: "users", instance: "i1", expiresAt: 0 };

async function answerTo(behaviour: Behaviour, question: Question, done: sendUnaryData<Uint8Array>): Promise<void> {
  try {
    const answer = (await behaviour.authorize?.(question)) ?? ALLOW;
    done(null, toBinary(AnswerSchema, create(AnswerSchema, answer)));
  } catch (error) {
    done({ code: status.UNAVAILABLE, details: String(error) });
  }
}

/** A real gRPC server in the plugin's place, and the calls to it. */
async function start(behaviour: Behaviour) {
  const asked: (Question | LeaseQuestion)[] = [];
  const tokens: unknown[] = [];
  const server = new Server();
  const bytes = { requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Uint8Array) => Buffer.from(b) };
  const method = (path: string) => ({ path, requestStream: false, responseStream: false, ...bytes });
  const methods = {
    authorize: {
      ...method("/mesh.plugin.v1.Authorizer/Authorize"),
      requestSerialize: Buffer.from,
      responseDeserialize: (b: Buffer) => b,
    },
    lease: {
      ...method("/mesh.plugin.v1.RateLimiter/Lease"),
      requestSerialize: Buffer.from,
      responseDeserialize: (b: Buffer) => b,
    },
  };
  server.addService(methods, {
    authorize(call: ServerUnaryCall<Buffer, Uint8Array>, done: sendUnaryData<Uint8Array>) {
      const question = fromBinary(QuestionSchema, call.request);
      asked.push(question);
      tokens.push(call.metadata.get("authorization")[0]);
      void answerTo(behaviour, question, done);
    },
    lease(call: ServerUnaryCall<Buffer, Uint8Array>, done: sendUnaryData<Uint8Array>) {
      const question = fromBinary(LeaseQuestionSchema, call.request);
      asked.push(question);
      done(null, toBinary(LeaseAnswerSchema, create(LeaseAnswerSchema, behaviour.lease?.(question) ?? {})));
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const registration = pluginOf("opa", "authorize", "ratelimit");
  Object.assign(registration.announce ?? {}, { address: `127.0.0.1:${port}` });
  for (const hook of registration.grant?.hooks ?? []) hook.deadline = durationFromMs(2_000);
  registration.hookToken = "secret";
  const view = createViewTable();
  view.apply(create(WatchResponseSchema, { complete: true, changed: [registration] }));
  const clock = { ...systemClock, at: Date.now(), now: (): number => clock.at };
  const plugins = createPluginCalls(
    {
      self: { kind: "core", namespace: "default", name: "policy", instance: "one" },
      view: { ...view, ready: () => Promise.resolve() },
      key: new Uint8Array(32),
      clock,
      settings: developmentSettings,
      metrics: createMetrics("policy"),
    },
    DECISION_HOOKS,
  );
  const named = create(PluginRefSchema, { namespace: "default", name: "opa", headers: ["x-tenant"] });
  const limit = create(RateLimitSchema, { name: "all", requests: 10, per: durationFromMs(1_000) });
  const common = {
    callUnary: plugins.callUnary,
    policyOf: ({ name }: { readonly name: string }) =>
      name === "users" ? { plugin: named, limits: [limit] } : undefined,
  };
  const calls = {
    authorize: createAuthorize({ ...common, now: () => clock.at }),
    lease: createLeaseShare(common),
  };
  const ask = (more: { identity?: string; path?: string; headers?: Record<string, string> } = {}, caller = users) =>
    calls.authorize(
      caller,
      create(QuestionSchema, {
        policy: ref,
        request: {
          sourceIdentity: more.identity ?? "spiffe://a",
          method: "GET",
          path: more.path ?? "/",
          headers: more.headers ?? {},
        },
      }),
    );
  const lease = (wanted: number) =>
    calls.lease(users, create(LeaseRequestSchema, { policy: ref, limit: "all", key: ["web"], wanted }));
  return {
    asked,
    tokens,
    ask,
    lease,
    clock,
    named,
    async [Symbol.asyncDispose]() {
      plugins.stop();
      server.forceShutdown();
    },
  };
}

const codeOf = (code: Code) => (error: unknown) => error instanceof ConnectError && error.code === code;
const ttl = durationFromMs(60_000);

describe("a question to an authorizer", () => {
  it("carries what the policy names, the proven caller's workload, and the core's token", async () => {
    await using started = await start({});
    const answer = await started.ask({ headers: { "x-tenant": "blue", authorization: "secret" } });
    assert.equal(answer.decision?.case, "allow");
    const [question] = started.asked as Question[];
    assert.equal(question?.request?.target, "default/users");
    assert.deepEqual(question?.request?.headers, { "x-tenant": "blue" });
    assert.deepEqual(started.tokens, ["Bearer secret"]);
  });

  it("is one call for all who ask the same at the same time", async () => {
    const gate = Promise.withResolvers<Answer>();
    await using started = await start({ authorize: () => gate.promise });
    const both = [started.ask(), started.ask()];
    const other = started.ask({ path: "/other" });
    await eventually("both questions are asked", () => started.asked.length === 2);
    gate.resolve({ decision: { case: "deny", value: { reason: "no\nway" } } });
    for (const answer of await Promise.all([...both, other])) {
      assert.ok(answer.decision?.case === "deny");
      assert.deepEqual([answer.decision.value.reason, answer.decision.value.status], ["no?way", 403]);
    }
    assert.equal(started.asked.length, 2);
  });

  it("is asked again when the answer says nothing of what it depends on, whatever its time to live", async () => {
    await using started = await start({ authorize: () => ({ ...ALLOW, ttl }) });
    for (let i = 0; i < 3; i += 1) assert.equal((await started.ask()).ttl, undefined);
    assert.equal(started.asked.length, 3);
  });

  it("is answered again from what was kept only for equal attributes, and never for another identity", async () => {
    await using started = await start({ authorize: () => ({ ...ALLOW, ttl, vary: ["path", "header:x-tenant"] }) });
    const blue = { headers: { "x-tenant": "blue" } };
    await started.ask(blue);
    const again = await started.ask(blue);
    assert.equal(started.asked.length, 1);
    assert.deepEqual(again.vary, ["header:x-tenant", "path"]);
    await started.ask({ ...blue, identity: "spiffe://b" });
    await started.ask({ ...blue, identity: "" });
    await started.ask({ ...blue, path: "/admin" });
    await started.ask({ headers: { "x-tenant": "red" } });
    await started.ask({ headers: { "x-tenant": "" } });
    await started.ask({});
    assert.equal(started.asked.length, 7);
  });

  it("is answered for all requests of a caller when nothing but the caller counts, and for no other caller", async () => {
    await using started = await start({ authorize: () => ({ ...ALLOW, ttl, vary: ["source"] }) });
    await started.ask();
    await started.ask({ path: "/admin", headers: { "x-tenant": "red" } });
    assert.equal(started.asked.length, 1);
    await started.ask({ identity: "spiffe://b" });
    await started.ask({ identity: "" });
    assert.equal(started.asked.length, 3);
  });

  it("is not answered by the word of a plugin that the policy named before", async () => {
    await using started = await start({ authorize: () => ({ ...ALLOW, ttl, vary: ["path"] }) });
    await started.ask();
    started.named.name = "another";
    await assert.rejects(started.ask(), codeOf(Code.Unavailable));
  });

  it("is not answered by what was said when the policy showed less", async () => {
    await using started = await start({ authorize: () => ({ ...ALLOW, ttl, vary: ["path"] }) });
    await started.ask({ headers: { "x-role": "guest" } });
    started.named.headers = ["x-tenant", "x-role"];
    await started.ask({ headers: { "x-role": "guest" } });
    assert.equal(started.asked.length, 2);
  });

  it("is asked again after the time to live, of which every answer carries the rest", async () => {
    await using started = await start({ authorize: () => ({ ...ALLOW, ttl: durationFromMs(1_000), vary: ["path"] }) });
    await started.ask();
    started.clock.at += 600;
    const rest = (await started.ask()).ttl;
    assert.ok(rest && "seconds" in rest);
    assert.equal(durationMs(rest as Parameters<typeof durationMs>[0]), 400);
    started.clock.at += 500;
    await started.ask();
    assert.equal(started.asked.length, 2);
  });

  it("fails as INTERNAL when the answer varies by what was not told, or decides nothing", async () => {
    await using odd = await start({ authorize: () => ({ ...ALLOW, ttl, vary: ["header:cookie"] }) });
    await assert.rejects(odd.ask(), codeOf(Code.Internal));
    await using empty = await start({ authorize: () => ({}) });
    await assert.rejects(empty.ask(), codeOf(Code.Internal));
  });

  it("can be about the caller's own policies only", async () => {
    await using started = await start({});
    await assert.rejects(started.ask({}, { ...users, name: "web" }), codeOf(Code.NotFound));
    assert.equal(started.asked.length, 0);
  });
});

describe("a question for a lease", () => {
  it("says the limit as it is written, and who holds the lease", async () => {
    await using started = await start({ lease: ({ wanted }) => ({ granted: wanted, validFor: durationFromMs(100) }) });
    const answer = await started.lease(3);
    assert.equal(answer.granted, 3);
    const [question] = started.asked as LeaseQuestion[];
    assert.deepEqual(
      [question?.policy?.name, question?.limit, question?.key, question?.requests, question?.burst, question?.holder],
      ["ask", "all", ["web"], 10, 10, "default/users/i1"],
    );
  });

  it("is not granted more than it wanted", async () => {
    await using started = await start({
      lease: ({ wanted }) => ({ granted: wanted + 1, validFor: durationFromMs(100) }),
    });
    await assert.rejects(started.lease(1), codeOf(Code.Internal));
  });

  it("is granted more than one only for a time", async () => {
    await using started = await start({ lease: () => ({ granted: 2 }) });
    await assert.rejects(started.lease(2), codeOf(Code.Internal));
  });
});
