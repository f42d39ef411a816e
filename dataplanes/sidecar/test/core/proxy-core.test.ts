import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderKind, headerKind, IDENTITY_LIKE, parseSpiffeId, workloadName } from "@patchbay/model";
import { FORBIDDEN_ADDRESSES } from "@patchbay/testkit";
import fc from "fast-check";
import { captureEnvironment } from "../../src/core/capture-environment.ts";
import { spiffeIdOf } from "../../src/core/certificate-identity.ts";
import {
  type FieldRecord,
  fieldRecord,
  http2RequestFields,
  http2ResponseFields,
  readHttp2Request,
} from "../../src/core/http/http2-fields.ts";
import { encodeGrpcMessage } from "../../src/core/http/local-reply.ts";
import { detectProtocol } from "../../src/core/http/protocol-detection.ts";
import { type RequestHead, readRequestFields } from "../../src/core/http/request-head.ts";
import { parseRequestTarget } from "../../src/core/http/request-target.ts";
import { readResponseHead, readTrailers } from "../../src/core/http/response-head.ts";
import { createDeadlines } from "../../src/core/routing/deadlines.ts";
import { mayRetry } from "../../src/core/routing/retry-rules.ts";
import { createAddressCheck } from "../../src/proxy/upstream/address-rules.ts";
import { readEgressProxies } from "../../src/proxy/upstream/egress-proxies.ts";

/** As a peer hears them. */
function flat(fields: FieldRecord): string[] {
  return Object.entries(fields)
    .filter(([name]) => !name.startsWith(":"))
    .flatMap(([name, value]) => [value].flat().flatMap((one) => [name, one]));
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

describe("protocol detection", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["", undefined],
    ["G", undefined],
    ["GET", undefined],
    ["GET ", undefined],
    ["GET /", "http1"],
    ["OPTIONS *", "http1"],
    ["M-SEARCH * HTTP/1.1", "http1"],
    ["P", undefined],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r", undefined],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"],
    ["PUT /", "http1"],
    ["PRI /", "http1"],
    ["CONNECT users:80 HTTP/1.1", "opaque"],
    ["GET http://users/ HTTP/1.1", "opaque"],
    ["\x16", undefined],
    ["\x16\x03", undefined],
    ["\x16\x03\x01", "tls"],
    ["\x16\x04", "opaque"],
    ["get foo\r\n", "opaque"],
    ["*1\r\n$4\r\nPING\r\n", "opaque"],
    ["\x00\x00\x00\x08\x04\xd2\x16\x2f", "opaque"],
    ["A".repeat(25), "opaque"],
  ];
  for (const [text, expected] of cases)
    it(`takes ${JSON.stringify(text)} for ${expected ?? "too little to tell"}`, () => {
      assert.equal(detectProtocol(bytes(text)), expected);
    });

  it("takes an absolute target for HTTP where it is asked to, and nothing else that looks like one", () => {
    const cases = [
      ["GET http://users/ HTTP/1.1", "http1"],
      ["GET HTTPS://users/ HTTP/1.1", "http1"],
      ["GET http:/", undefined],
      ["GET h", undefined],
      ["CONNECT users:80 HTTP/1.1", "opaque"],
      ["CONNECT {}", "opaque"],
      ["SET key value", "opaque"],
      ["GET :// HTTP/1.1", "opaque"],
      [`GET ${"a".repeat(17)}`, "opaque"],
    ] as const;
    for (const [text, expected] of cases) assert.equal(detectProtocol(bytes(text), true), expected, text);
  });

  it("never changes its mind, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.constantFrom(
            "GET /a HTTP/1.1",
            "GET http://a/ HTTP/1.1",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\x16\x03\x01ab",
          ),
        ),
        fc.nat(30),
        (text, cut) => {
          const whole = bytes(text);
          for (const absolute of [false, true]) {
            const early = detectProtocol(whole.subarray(0, cut), absolute);
            if (early !== undefined) assert.equal(detectProtocol(whole, absolute), early);
          }
        },
      ),
    );
  });
});

describe("request fields", () => {
  const read = (raw: readonly string[], version: "1.0" | "1.1" | "2.0" = "1.1"): ReturnType<typeof readRequestFields> =>
    readRequestFields(raw, version);

  it("pass end-to-end fields in order and spelling, and drop what belongs to the hop", () => {
    const text =
      "Host=users X-A=1 Connection=keep-alive,x-secret Keep-Alive=5 X-Secret=gone traceparent=00-1 Proxy-Authorization=x x-a=2 Trailer=X-T";
    const fields = read(text.split(/[ =]/));
    assert.deepEqual(fields.headers, ["X-A", "1", "traceparent", "00-1", "x-a", "2"]);
    assert.equal(fields.host, "users");
    assert.equal(fields.fault, undefined);
  });

  it("drop every field by which a client could claim to be somebody", () => {
    for (const name of IDENTITY_LIKE) assert.deepEqual(read([name.toUpperCase(), "me"]).headers, []);
  });

  const refused: readonly (readonly [string, readonly string[], "1.0" | "1.1"])[] = [
    ["two lengths", ["Content-Length", "1", "Content-Length", "1"], "1.1"],
    ["length and chunked", ["Content-Length", "1", "Transfer-Encoding", "chunked"], "1.1"],
    ["chunked and length", ["Transfer-Encoding", "chunked", "Content-Length", "1"], "1.1"],
    ["chunked twice", ["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"], "1.1"],
    ["an encoding before chunked", ["Transfer-Encoding", "gzip, chunked"], "1.1"],
    ["a length that is no number", ["Content-Length", "+3"], "1.1"],
    ["a length beyond exact numbers", ["Content-Length", "99999999999999999999"], "1.1"],
    ["chunked in HTTP/1.0", ["Transfer-Encoding", "chunked"], "1.0"],
    ["two hosts", ["Host", "a", "host", "b"], "1.1"],
  ];
  for (const [what, raw, version] of refused)
    it(`refuse ${what}`, () => {
      assert.notEqual(read(raw, version).fault, undefined);
    });

  it("tell known names apart from all others, in any spelling", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("connection", "te", "host", "mesh-via", "x-forwarded-client-cert"),
        fc.array(fc.boolean()),
        (name, upper) => {
          const spelled = Array.from(name, (char, i) => (upper[i] === true ? char.toUpperCase() : char)).join("");
          assert.notEqual(headerKind(spelled), HeaderKind.END_TO_END);
          assert.equal(headerKind(`${spelled}x`), HeaderKind.END_TO_END);
        },
      ),
    );
  });
});

describe("request targets", () => {
  const cases: readonly (readonly [string, { authority: string; path: string } | undefined])[] = [
    ["/a?b=c", { authority: "", path: "/a?b=c" }],
    ["*", { authority: "", path: "*" }],
    ["http://users:8080/a?b", { authority: "users:8080", path: "/a?b" }],
    ["HTTP://users", { authority: "users", path: "/" }],
    ["http://users?q", { authority: "users", path: "/?q" }],
    ["http://[::1]:80/", { authority: "[::1]:80", path: "/" }],
    ["http://me:secret@users/", undefined],
    ["https://users/", undefined],
    ["/a#b", undefined],
    ["users:80", undefined],
  ];
  for (const [text, expected] of cases)
    it(`${text} ${expected === undefined ? "is refused" : "is taken apart"}`, () => {
      assert.deepEqual(parseRequestTarget(text, "GET"), expected);
    });
  it("OPTIONS for a whole server asks for its asterisk, RFC 9112 §3.2.4", () => {
    assert.deepEqual(parseRequestTarget("http://users", "OPTIONS"), { authority: "users", path: "*" });
    assert.deepEqual(parseRequestTarget("http://users/", "OPTIONS"), { authority: "users", path: "/" });
  });
});

describe("HTTP/1 and HTTP/2 framing", () => {
  const token = fc
    .stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
    .filter((name) => headerKind(name) === HeaderKind.END_TO_END);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  const headers = fc.array(fc.tuple(token, value), { maxLength: 8 }).map((pairs) => pairs.flat());
  const request = fc.record({
    method: fc.constantFrom("GET", "POST", "PATCH", "M-SEARCH"),
    path: fc.stringMatching(/^\/[!-"$-~]{0,20}$/),
    authority: fc.constantFrom("users", "users:8080", "users.demo.svc.cluster.local"),
    headers,
    length: fc.constantFrom(0, 5, -1),
    trailers: fc.boolean(),
    expectsContinue: fc.boolean(),
  });

  it("a request says the same after it has been one and the other", () => {
    fc.assert(
      fc.property(request, (made) => {
        const head: RequestHead = { ...made, upgrade: "", grpc: false, announced: "", visited: "" };
        const back = readHttp2Request(http2RequestFields(head), {
          ended: head.length === 0,
          maxBytes: 16_384,
          authority: "",
        });
        assert.equal(back.fault, undefined);
        for (const key of ["method", "path", "authority", "headers", "length", "trailers", "expectsContinue"] as const)
          assert.deepEqual(back.head[key], head[key], key);
      }),
    );
  });

  it("a response says the same after it has been one and the other", () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), headers, (status, fields) => {
        const back = readResponseHead({
          status,
          message: "",
          raw: flat(http2ResponseFields(status, fields)),
          last: false,
        });
        assert.deepEqual(fieldRecord(back.headers), fieldRecord(fields));
      }),
    );
  });

  const options = { ended: true, maxBytes: 1_000, authority: "users" };

  it("cookies that HTTP/2 has split become one field before rules see them, RFC 9113 §8.2.3", () => {
    const raw = [":method", "GET", ":path", "/", "cookie", "a=1", "x", "y", "cookie", "b=2"];
    assert.deepEqual(readHttp2Request(raw, options).head.headers, ["x", "y", "cookie", "a=1; b=2"]);
  });

  it("a head that is too large by the count of HTTP/2 is refused with 431", () => {
    const raw = [":method", "GET", ":path", "/", "x-big", "a".repeat(1_000)];
    assert.equal(readHttp2Request(raw, options).fault?.status, 431);
  });

  it("only application/grpc is gRPC, with a format or parameters, in any case", () => {
    const isGrpc = (type: string): boolean => readRequestFields(["content-type", type], "2.0").grpc;
    for (const type of ["application/grpc", "Application/GRPC", "application/grpc+proto", "application/grpc; a=b"])
      assert.equal(isGrpc(type), true, type);
    for (const type of ["application/grpc-web+proto", "application/grpcfoo", "text/plain"])
      assert.equal(isGrpc(type), false, type);
  });

  it("a response without content says no length, RFC 9110 §8.6", () => {
    const raw = ["content-length", "5", "x", "y"];
    assert.deepEqual(readResponseHead({ status: 204, message: "", raw, last: true }).headers, ["x", "y"]);
  });

  it("names become lower case on the way to HTTP/2", () => {
    assert.deepEqual(http2ResponseFields(204, ["X-Upper", "V"]), { ":status": "204", "x-upper": "V" });
  });

  it("a response with a length and chunks keeps the chunks alone", () => {
    const raw = ["Content-Length", "3", "Transfer-Encoding", "chunked", "X", "1"];
    assert.deepEqual(readResponseHead({ status: 200, message: "OK", raw, last: false }).headers, ["X", "1"]);
  });

  it("trailers cannot carry what frames or routes", () => {
    const raw = ["X-Sum", "1", "Content-Length", "3", "Host", "a", "Transfer-Encoding", "chunked", "grpc-status", "0"];
    assert.deepEqual(readTrailers(raw), ["X-Sum", "1", "grpc-status", "0"]);
  });
});

describe("retries", () => {
  const failure = (kind: Parameters<typeof mayRetry>[0]["kind"]): Parameters<typeof mayRetry>[0] => ({
    kind,
    message: "",
    resetCode: 0,
  });

  it("repeat any method when the request was provably not processed", () => {
    for (const kind of ["connect", "unprocessed", "overload"] as const)
      assert.equal(mayRetry(failure(kind), { method: "POST", replayable: true }), true);
  });

  it("repeat only safe methods when nobody knows", () => {
    for (const kind of ["reset", "stale"] as const) {
      assert.equal(mayRetry(failure(kind), { method: "GET", replayable: true }), true);
      assert.equal(mayRetry(failure(kind), { method: "POST", replayable: true }), false);
    }
  });

  it("never repeat what is gone, forbidden, cannot be said, or was slow", () => {
    assert.equal(mayRetry(failure("connect"), { method: "GET", replayable: false }), false);
    for (const kind of ["forbidden", "invalid", "loop", "timeout"] as const)
      assert.equal(mayRetry(failure(kind), { method: "GET", replayable: true }), false);
  });
});

describe("identities", () => {
  it("are read from a certificate with exactly one URI", () => {
    assert.equal(spiffeIdOf("DNS:a, URI:spiffe://d/ns/n/sa/x"), "spiffe://d/ns/n/sa/x");
    assert.equal(spiffeIdOf("URI:spiffe://d/ns/n/sa/x, URI:spiffe://d/ns/n/sa/y"), undefined);
    assert.equal(spiffeIdOf('DNS:"a, URI:spiffe://d/ns/n/sa/x"'), undefined);
    assert.equal(spiffeIdOf(undefined), undefined);
  });

  it("name a workload, with its namespace unless that is the default", () => {
    const parsed = parseSpiffeId("spiffe://cluster.local/ns/demo/sa/users");
    assert.deepEqual(parsed, { trustDomain: "cluster.local", namespace: "demo", name: "users" });
    assert.equal(workloadName({ namespace: "demo", name: "users" }), "users.demo");
    assert.equal(workloadName({ namespace: "default", name: "users" }), "users");
    assert.equal(parseSpiffeId("spiffe://cluster.local/users"), undefined);
  });
});

describe("addresses", () => {
  const check = createAddressCheck(() => new Set([15001]));
  const kind = (address: string, port = 80) => check(address, port)?.kind;

  for (const address of [...FORBIDDEN_ADDRESSES, "fe80::1%eth0", "no address"])
    it(`${address} is never connected to`, () => {
      assert.equal(kind(address), "forbidden");
    });
  for (const address of [
    "127.0.0.1",
    "10.0.0.1",
    "93.184.216.34",
    "::1",
    "2606:2800:220:1::1",
    "::ffff:10.0.0.1",
    "64:ff9b::808:808",
  ])
    it(`${address} may be connected to`, () => {
      assert.equal(kind(address), undefined);
    });
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
    it(`${address} is not connected to at the sidecar's own ports`, () => {
      assert.equal(kind(address, 15001), "loop");
    });
});

describe("forward proxies of the environment", () => {
  const choose = readEgressProxies(
    {
      http_proxy: "http://me:p%40ss@proxy.corp:3128",
      HTTPS_PROXY: "proxy.corp",
      no_proxy: ".corp,10.0.0.0/8,plain:81,[::5]",
    },
    () => undefined,
  );
  const to = (host: string, port = 80, tunnel = false): string | undefined => choose({ host, port, tunnel })?.host;

  it("are used for plain requests and tunnels, with their credentials", () => {
    assert.deepEqual(choose({ host: "example.com", port: 80, tunnel: false }), {
      host: "proxy.corp",
      port: 3128,
      tls: false,
      authorization: `Basic ${Buffer.from("me:p@ss").toString("base64")}`,
    });
    assert.equal(choose({ host: "example.com", port: 443, tunnel: true })?.port, 80);
  });

  it("are left aside for what no_proxy names, and for this machine", () => {
    for (const host of ["a.corp", "corp", "10.1.2.3", "localhost", "127.0.0.1", "::5"])
      assert.equal(to(host), undefined, host);
    assert.equal(to("plain", 81), undefined);
    assert.equal(to("plain", 80), "proxy.corp");
    assert.equal(to("notcorp"), "proxy.corp");
    assert.equal(to("11.0.0.1"), "proxy.corp");
  });

  it("are told of when they cannot be understood", () => {
    const complaints: string[] = [];
    const none = readEgressProxies({ http_proxy: "socks5://proxy:1080" }, (message) => complaints.push(message));
    assert.equal(none({ host: "example.com", port: 80, tunnel: false }), undefined);
    assert.equal(complaints.length, 1);
  });
});

describe("the captured environment", () => {
  it("leads every usual variable to the outbound port", () => {
    const set = captureEnvironment(4321, { no_proxy: "*", PATH: "/bin" });
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "grpc_proxy", "MESH_OUTBOUND_URL"])
      assert.equal(set[name], "http://127.0.0.1:4321");
    assert.equal(set["NODE_USE_ENV_PROXY"], "1");
  });

  it("keeps no exception but this machine, lest it name mesh services", () => {
    const set = captureEnvironment(1, { NO_PROXY: "users,.cluster.local" });
    assert.equal(set["no_proxy"], "localhost,127.0.0.1,::1");
    assert.equal(set["NO_PROXY"], "localhost,127.0.0.1,::1");
  });
});

describe("deadlines", () => {
  it("pass at the first look after their time, and may move", () => {
    const deadlines = createDeadlines();
    const passed: number[] = [];
    const timed = {
      deadline: 10,
      expire(now: number) {
        passed.push(now);
        timed.deadline = 30;
      },
    };
    deadlines.watch(timed);
    for (const now of [5, 10, 20, 35]) deadlines.sweep(now);
    assert.deepEqual(passed, [10, 35]);
    deadlines.forget(timed);
    assert.equal(deadlines.size, 0);
  });
});

describe("answers of our own", () => {
  it("carry their text through gRPC's message field", () => {
    assert.equal(encodeGrpcMessage("100 % — no"), "100 %25 %E2%80%94 no");
  });
});
