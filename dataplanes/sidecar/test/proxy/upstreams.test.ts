import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http2";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { listen } from "@patchbay/testkit";
import type { Failure } from "../../src/core/routing/retry-rules.ts";
import type { AttemptEvents, Outgoing } from "../../src/proxy/exchange/exchange-types.ts";
import { DEFAULT_LIMITS } from "../../src/proxy/listeners/limits.ts";
import { createUpstreams, type Upstreams } from "../../src/proxy/upstream/upstreams.ts";
import { endpoint } from "../support/proxies.ts";

function upstreams(dialled: () => void): Upstreams {
  return createUpstreams({
    connector: {
      connect({ address, port }, _protocol, connected) {
        dialled();
        const socket = connect({ host: address, port });
        socket.once("connect", () => connected(null, socket));
      },
    },
    outside: undefined,
    limits: DEFAULT_LIMITS,
    namespace: "default",
  });
}

function outgoing(version: 1 | 2, headers: string[] = []): Outgoing {
  return {
    head: {
      method: "GET",
      path: "/",
      authority: "users",
      headers,
      length: 0,
      upgrade: "",
      expectsContinue: false,
      trailers: false,
      grpc: false,
      announced: "",
      visited: "",
    },
    version,
    visited: "",
    held: Buffer.alloc(0),
    takeBody: () => Readable.from([]),
    complete: () => true,
    trailers: () => [],
  };
}

function failure(open: (events: AttemptEvents) => void): Promise<Failure> {
  return new Promise((resolve, reject) => {
    const other = () => reject(new Error("no failure"));
    open({
      onInformational: other,
      onHead: other,
      onData: other,
      onEnd: other,
      onSwitched: other,
      onFailure: resolve,
    });
  });
}

describe("connections to endpoints", () => {
  it("are not opened any more once they are destroyed", async () => {
    let dialled = 0;
    const all = upstreams(() => {
      dialled += 1;
    });
    all.destroy();
    for (const version of [1, 2] as const) {
      const { kind } = await failure((events) => all.open(endpoint(1), outgoing(version), events).start());
      assert.equal(kind, "overload");
    }
    assert.equal(dialled, 0);
  });

  it("are not to blame for fields that HTTP/2 cannot say", async () => {
    const server = createServer();
    const port = await listen(server);
    const all = upstreams(() => undefined);
    const { kind } = await failure((events) =>
      all.open(endpoint(port), outgoing(2, ["connection", "x"]), events).start(),
    );
    assert.equal(kind, "invalid");
    all.destroy();
    server.close();
    await once(server, "close");
  });
});
