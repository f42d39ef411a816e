import { connect, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { ResolveRequestSchema } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { ready } from "../harness.ts";
import { createFrameReader, openingBytes } from "./http2-client.ts";
import { type LoadTask, monotonicNow } from "./tasks.ts";

// Thousands of proxies, each with its own connection, that cost next to nothing, so that the server is what is measured.
const sockets: Socket[] = [];
/** How many streams have received at least n updates, by n. */
const reached: number[] = [];
let waiting: { readonly updates: number; readonly done: (at: string) => void } | undefined;
let streams = 0;

function count(updates: number): void {
  reached[updates] = (reached[updates] ?? 0) + 1;
  if (!waiting || reached[waiting.updates] !== streams) return;
  const { done } = waiting;
  waiting = undefined;
  done(monotonicNow());
}

async function open({ port, token, updateBytes, streams: wanted }: LoadTask & { kind: "open" }): Promise<void> {
  const message = toBinary(ResolveRequestSchema, create(ResolveRequestSchema, { authority: "users" }));
  const opening = openingBytes({ path: "/mesh.destination.v1.Destination/Resolve", token, port, message });
  streams = wanted;
  reached.length = 0;
  for (let opened = 0; opened < wanted; opened += 100) {
    const batch = Array.from({ length: Math.min(100, wanted - opened) }, () => openOne(port, opening, updateBytes));
    sockets.push(...(await Promise.all(batch)));
  }
}

function openOne(port: number, opening: Buffer, updateBytes: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let received = 0;
    let updates = 0;
    const read = createFrameReader({
      reply: (bytes) => socket.write(bytes),
      onData(bytes) {
        received += bytes;
        while (received >= (updates + 1) * updateBytes) {
          updates += 1;
          if (updates === 1) resolve(socket);
          count(updates);
        }
      },
    });
    socket.on("data", read);
    socket.on("error", reject);
    socket.once("connect", () => socket.write(opening));
  });
}

ready(undefined, async (task) => {
  const asked = task as LoadTask; // from our own parent
  if (asked.kind === "open") return open(asked);
  if (asked.kind === "close") {
    for (const socket of sockets.splice(0)) socket.destroy();
    return undefined;
  }
  if (reached[asked.updates] === streams) return monotonicNow();
  return new Promise((done) => {
    waiting = { updates: asked.updates, done };
  });
});
