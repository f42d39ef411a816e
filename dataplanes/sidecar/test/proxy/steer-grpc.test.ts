import assert from "node:assert/strict";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { describe, test } from "node:test";
import { http2Client, startHttp2, type Whole, whole } from "../support/http2.ts";
import { type MatchInit, ms, type RuleInit, rulesFor, startSteered } from "../support/steering.ts";

const GRPC = { ":method": "POST", ":path": "/demo.Users/Get", "content-type": "application/grpc", te: "trailers" };

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Head and trailers apart, as many servers send an error. */
function trailers(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(status) }));
  if (status === 0) stream.write("answer");
  stream.end();
}

function trailersOnly(stream: ServerHttp2Stream, status: number): void {
  stream.respond(
    { ":status": 200, "content-type": "application/grpc", "grpc-status": String(status) },
    { endStream: true },
  );
}

/** Answers each call in turn, and remembers what was sent. */
async function startGrpc(answers: readonly Answer[]) {
  const messages: string[] = [];
  const app = await startHttp2((stream, headers) => {
    let message = "";
    stream.on("data", (chunk) => {
      message += String(chunk);
    });
    stream.once("end", () => {
      messages.push(message);
      answers[Math.min(messages.length, answers.length) - 1]?.(stream, headers);
    });
  });
  return { app, messages };
}

async function world(port: number, rule: RuleInit, match: MatchInit = { rule: 0 }) {
  const started = await startSteered({ users: [port] });
  started.policy.say(rulesFor("users", [rule], [match]));
  return started;
}

async function call(port: number, message = "question"): Promise<Whole> {
  using client = http2Client(port);
  return await whole(client.open(GRPC).end(message));
}

describe("rules for gRPC", () => {
  const retry = { attempts: 2, grpcCodes: [14] };

  test("calls with a listed status are tried again, be it in a response's head or in its trailers", async () => {
    const { app, messages } = await startGrpc([
      (stream) => trailersOnly(stream, 14),
      (stream) => trailers(stream, 14),
      (stream) => trailers(stream, 0),
    ]);
    await using _app = app;
    await using started = await world(app.port, { retry });
    const answer = await call(started.proxy.outboundPort);
    assert.deepEqual([answer.body, answer.trailers["grpc-status"]], ["answer", "0"]);
    assert.deepEqual(messages, ["question", "question", "question"]);
    const [record] = started.recorder.records;
    assert.deepEqual([record?.attempts, record?.grpcStatus], [3, 0]);
  });

  test("after the last try the client gets the status as it came", async () => {
    const { app, messages } = await startGrpc([(stream) => trailers(stream, 14)]);
    await using _app = app;
    await using started = await world(app.port, { retry });
    const answer = await call(started.proxy.outboundPort);
    assert.deepEqual([answer.trailers["grpc-status"], messages.length], ["14", 3]);
  });

  test("a status that is not listed goes through at once", async () => {
    const { app, messages } = await startGrpc([(stream) => trailers(stream, 5)]);
    await using _app = app;
    await using started = await world(app.port, { retry });
    const answer = await call(started.proxy.outboundPort);
    assert.deepEqual([answer.trailers["grpc-status"], messages.length], ["5", 1]);
  });

  test("a stream of both sides goes on while it may still be tried again", async () => {
    await using app = await startHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.on("data", (chunk) => stream.write(`echo ${String(chunk)}`));
      stream.once("end", () => stream.end());
    });
    await using started = await world(app.port, { retry });
    using client = http2Client(started.proxy.outboundPort);
    const stream = client.open(GRPC);
    stream.write("one");
    const first = await new Promise((resolve) => stream.once("data", (chunk) => resolve(String(chunk))));
    assert.equal(first, "echo one");
    stream.end("two");
    assert.match((await whole(stream)).body, /echo two/);
  });

  test("a request's time and a missing rule come as the statuses of gRPC", async () => {
    await using app = await startHttp2(() => undefined);
    await using slow = await world(app.port, { requestTimeout: ms(30) });
    const late = await call(slow.proxy.outboundPort);
    assert.deepEqual([late.headers["grpc-status"], late.headers["mesh-error"]], ["4", "request-timeout"]);
    slow.policy.say(rulesFor("users", [{}], [{ rule: 0, method: "GET" }]));
    const none = await call(slow.proxy.outboundPort);
    assert.deepEqual([none.headers["grpc-status"], none.headers["mesh-error"]], ["12", "no-route"]);
  });
});
