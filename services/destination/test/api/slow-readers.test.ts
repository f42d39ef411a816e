import assert from "node:assert/strict";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ResolveRequestSchema, ResolveResponseSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { envelope } from "@patchbay/runtime";
import { eventually, testToken } from "@patchbay/testkit";
import { type RunningDestination, startDestination } from "../support/destination.ts";
import { picture, proxy } from "../support/registrations.ts";
import { said, watch } from "../support/watcher.ts";

/** Enough instances that one update fills a stream's buffers. */
const crowd = (first: number): readonly Registration[] =>
  Array.from({ length: 2_000 }, (_, n) => proxy({ instance: `i${n}`, port: first + n }));

interface OpenStream {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
}

/** A client that opens a stream and has asked for nothing yet. */
function silentClient(mesh: RunningDestination): OpenStream {
  const session = connect(mesh.address);
  session.on("error", () => undefined);
  const stream = session.request({
    ":method": "POST",
    ":path": "/mesh.destination.v1.Destination/Resolve",
    "content-type": "application/connect+proto",
    authorization: `Bearer ${testToken({ kind: "operator" })}`,
  });
  stream.on("error", () => undefined);
  return { session, stream };
}

/** A client that asks and then takes nothing until told. */
function lazyReader(mesh: RunningDestination): OpenStream {
  const { session, stream } = silentClient(mesh);
  stream.pause();
  stream.end(envelope(toBinary(ResolveRequestSchema, create(ResolveRequestSchema, { authority: "users" }))));
  return { session, stream };
}

describe("a reader that does not keep up", () => {
  it("misses what is outdated, gets the latest when it reads again, and slows nobody", async () => {
    await using mesh = await startDestination({ registrations: crowd(10_000) });
    const { session, stream } = lazyReader(mesh);
    await using quick = watch(mesh.client, "users");
    await eventually(() => quick.messages.length === 1);
    const rounds = 20;
    for (let round = 1; round <= rounds; round++) {
      mesh.registry(picture(crowd(10_000 + round * 1_000)));
      await eventually(() => quick.latest()?.branches[0]?.endpoints[0]?.port === 10_000 + round * 1_000);
    }
    const received: Buffer[] = [];
    const messages = () => readAll(Buffer.concat(received));
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    stream.resume();
    await eventually(() => said(messages().at(-1)) === said(quick.latest()));
    assert.ok(messages().length < 5, `${messages().length} of ${rounds + 1} messages`);
    session.destroy();
  });

  it("loses its stream when it takes nothing for too long, and that is counted", async () => {
    await using mesh = await startDestination({ registrations: crowd(10_000), settings: { stuckReaderMs: 200 } });
    const { session, stream } = lazyReader(mesh);
    await eventually(async () => (await mesh.metric("destination_streams")) === 1);
    await eventually(async () => (await mesh.metric("destination_stuck_readers_total")) === 1);
    await eventually(async () => (await mesh.metric("destination_streams")) === 0);
    await eventually(
      () => stream.closed || stream.destroyed || session.destroyed || stream.readableEnded || stream.rstCode !== 0,
    );
    session.destroy();
  });
});

describe("a client that opens a stream", () => {
  it("and never asks is told so, and loses it", async () => {
    await using mesh = await startDestination({ registrations: [], settings: { stuckReaderMs: 200 } });
    const { session, stream } = silentClient(mesh);
    let answer = "";
    stream.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    await eventually(() => answer.includes("no request came within 0.2 s"));
    session.destroy();
  });
});

function readAll(bytes: Buffer) {
  const messages = [];
  let at = 0;
  while (bytes.byteLength - at >= 5) {
    const length = bytes.readUInt32BE(at + 1);
    if (bytes.byteLength - at - 5 < length) break;
    messages.push(fromBinary(ResolveResponseSchema, bytes.subarray(at + 5, at + 5 + length)));
    at += 5 + length;
  }
  return messages;
}
