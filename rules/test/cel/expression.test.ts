import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileExpression, type Expression } from "@patchbay/rules";
import { requestFacts, responseFacts } from "../support/facts.ts";

function compiled(text: string, scope: "request" | "response" = "response"): Expression {
  const result = compileExpression(text, scope);
  if (!result.ok) assert.fail(`${text}: ${result.problem.message}`);
  return result.expression;
}

function refusal(text: string, scope: "request" | "response" = "response"): string {
  const result = compileExpression(text, scope);
  assert.ok(!result.ok, text);
  return `${result.problem.column}: ${result.problem.message}. ${result.problem.hint}`;
}

const request = requestFacts({
  path: "/cart/42",
  query: "a=b",
  headers: ["X-Tenant", "acme", "accept", "a", "Accept", "b"],
  route: "GET /cart/{id}",
});
const response = responseFacts({ code: 503, latencyMs: 300.25, error: "unreachable", attempts: 2, traceId: "0af7" });
const holds = (text: string): boolean => compiled(text).matches(request, response);

describe("an expression", () => {
  it("reads what the table says", () => {
    for (const text of [
      'request.method == "GET" && request.path == "/cart/42" && request.query == "a=b" && request.host == "users"',
      'request.headers["x-tenant"] == "acme" && request.headers.accept == "a, b"',
      'request.protocol == "http/2" && request.route == "GET /cart/{id}" && request.size == 10 && request.trace_id == "0af7"',
      "response.code >= 500 && response.grpc_status == -1 && response.attempts == 2 && response.size == 2000",
      'response.latency > duration("250ms") && response.latency < duration("1s") && response.latency_ms > 300',
      'response.headers["content-type"].startsWith("text/") && response.error == "unreachable"',
      'source.identity == "spiffe://cluster.local/ns/web/sa/front" && source.namespace == "web" && source.service == "front"',
      'source.address == "127.0.0.1:40000" && target.namespace == "default" && target.service == "users"',
      'target.backend == "" && target.address == "" && connection.tls && direction == "inbound"',
    ])
      assert.equal(holds(text), true, text);
  });

  it("reads a host as one, however the client wrote it", () => {
    for (const host of ["users.default.svc", "USERS.default.svc", "users.default.svc."])
      assert.ok(compiled('request.host == "users.default.svc"').matches(requestFacts({ host })), host);
  });

  it("knows operators, methods and loops", () => {
    for (const text of [
      'request.method in ["GET", "HEAD"] && !(request.method in [])',
      '"x-tenant" in request.headers && has(request.headers.accept) && !has(request.headers.cookie)',
      'request.path.matches("^/cart/[0-9]+$") && request.path.endsWith("42") && request.path.contains("art")',
      'request.path.size() == 8 && size(request.headers) == 2 && "ACME".lowerAscii() == request.headers["x-tenant"]',
      'request.headers.exists(name, name.startsWith("x-")) && [1, 2].all(x, x > 0)',
      '["/cart", "/login"].filter(p, request.path.startsWith(p)).size() == 1',
      "(response.code - 3) / 100 == 5 && response.code % 2 == 1 && int(response.latency_ms) == 300",
      'connection.tls ? source.namespace == "web" : false',
      'request.host == "us" + "ers" && string(response.code) == "503"',
      '["a"].map(x, x).exists(x, x == "a")',
    ])
      assert.equal(holds(text), true, text);
  });

  it("says whether it needs the response", () => {
    assert.equal(compiled("response.code == 200").usesResponse, true);
    assert.equal(compiled('request.size > 3 || request.method == "GET"').usesResponse, true);
    assert.equal(compiled('request.method == "GET"').usesResponse, false);
  });

  it("throws for a header that is not there, unless something else decides", () => {
    assert.throws(() => holds('request.headers["x-none"] == "1"'));
    assert.equal(holds('"x-none" in request.headers && request.headers["x-none"] == "1"'), false);
    assert.equal(holds('request.headers["x-none"] == "1" || request.method == "GET"'), true);
  });

  it("is refused with the place and the nearest name", () => {
    assert.equal(refusal('request.metod == "GET"'), "1: request.metod is not known. Did you mean request.method?");
    assert.equal(refusal('true && reqest.path == "/"'), "9: reqest.path is not known. Did you mean request.path?");
    assert.equal(refusal("request.code == 200"), "1: request.code is not known. Did you mean response.code?");
    assert.match(
      refusal('request.path.startWith("/a")'),
      /^14: there is no function startWith. Did you mean startsWith\?$/,
    );
    assert.match(refusal('request == "a"'), /^1: request is not a value itself. It has request.method, /);
    assert.match(
      refusal("zzz"),
      /^1: zzz is not known. There are request, response, source, target, connection, direction.$/,
    );
  });

  it("is refused when its types do not fit", () => {
    assert.match(refusal('response.code == "500"'), /^15: the expression compares a whole number with a text/);
    assert.match(refusal("request.path"), /^1: the expression gives a text, not true or false/);
    assert.match(refusal('response.latency > "250ms"'), /duration\("250ms"\)/);
    assert.match(refusal('"a" in request.path'), /looks for a text in a text/);
    assert.match(refusal("!request.path"), /! does not go with a text/);
    assert.match(refusal("has(request.path)"), /request.path is always there/);
    assert.match(refusal('request.headers[1] == ""'), /a map has no element of a whole number/);
    assert.match(refusal('request.path.headers == ""'), /a text has no field headers/);
    assert.match(refusal('connection.tls ? "a" : 1'), /gives a text or a whole number/);
    assert.match(refusal('matches(request.path, "a")'), /Write x.matches/);
    assert.match(refusal('duration("a while") > response.latency'), /"a while" is no duration/);
    assert.match(refusal("1u == 2"), /without its u/);
    assert.match(refusal('{"a": 1} == {}'), /builds a map or message/);
  });

  it("is refused when it looks for a header by a name that none has", () => {
    for (const text of [
      'request.headers["X-Tenant"] == "a"',
      '"X-Tenant" in request.headers',
      "has(request.headers.Accept)",
    ])
      assert.match(
        refusal(text),
        /is never there\. Names of headers are in lower case here: (x-tenant|accept)\./,
        text,
      );
  });

  it("is refused where it cannot be read, with what was most likely meant", () => {
    assert.match(refusal('request.method = "GET"'), /^16: .* Write == to compare\.$/);
    assert.match(refusal("connection.tls and true"), /^16: .* Write && for and\.$/);
    assert.match(refusal("connection.tls &&"), /Something has to follow/);
    assert.match(refusal('"abc'), /A quote is not closed/);
    assert.match(refusal("  "), /^1: the expression is empty/);
  });

  it("knows nothing of the response when a request is decided", () => {
    for (const text of [
      "response.code == 200",
      "request.size > 1",
      'response.headers["a"] == ""',
      'request.trace_id == ""',
    ])
      assert.match(refusal(text, "request"), /is not known yet when a request is decided/, text);
  });

  it("reaches nothing of the program around it", () => {
    for (const name of ["constructor", "__proto__", "facts", "toString", "request.constructor", "@result", "this"])
      refusal(`${name} == ""`);
    assert.throws(() => holds('request.headers["__proto__"] == ""'));
    assert.throws(() => holds('request.headers["constructor"] == ""'));
    refusal('request.headers.all(request, request == "")');
    refusal('[""].all(constructor, constructor == constructor.name)');
  });
});
