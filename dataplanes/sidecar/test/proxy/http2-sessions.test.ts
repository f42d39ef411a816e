import assert from "node:assert/strict";
import { createServer, type ServerHttp2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { eventually, listen } from "@patchbay/testkit";
import { createHttp2Sessions, type Http2Sessions } from "../../src/proxy/http2/sessions.ts";
import { startBytes } from "../support/wire.ts";

const limits = { maxSessions: 2, maxStreams: 10, maxHeadBytes: 16_384, settingsMs: 200 };

function sessionsTo(port: number): Http2Sessions {
  return createHttp2Sessions({
    ...limits,
    connect(connected) {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.once("connect", () => connected(null, socket));
    },
  });
}

function placed(sessions: Http2Sessions): Promise<Error | undefined> {
  return new Promise((resolve) => {
    sessions.place((error, place) => {
      place?.release();
      resolve(error);
    });
  });
}

test("a peer that answers pings is kept, one that does not is dropped after three looks", async () => {
  const server = createServer();
  const sessions = sessionsTo(await listen(server));
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  const held: ServerHttp2Session[] = [];
  server.on("session", (session) => held.push(session));
  assert.equal(await placed(sessions), undefined);
  const answered = Promise.withResolvers<void>();
  // The answer to this ping comes after ours was answered.
  for (const session of held) session.once("ping", () => void session.ping(() => answered.resolve()));
  for (let look = 0; look < 10; look += 1) sessions.probe();
  await answered.promise;
  for (let look = 0; look < 9; look += 1) sessions.probe();
  assert.equal(sessions.size, 1, "the first ping was answered");
  // From here on the peer hears nothing.
  for (const socket of sockets) socket.pause();
  server.removeAllListeners("session");
  for (let look = 0; look < 4; look += 1) sessions.probe();
  await eventually("the session is dropped", () => sessions.size === 0);
  server.close();
});

test("a session that was let go for being idle takes no stream any more", async () => {
  const server = createServer();
  const sessions = sessionsTo(await listen(server));
  assert.equal(await placed(sessions), undefined);
  sessions.prune(performance.now() + 1);
  const closed = await new Promise((resolve) => {
    sessions.place((_error, place) => resolve(place?.session.closed));
  });
  assert.equal(closed, false);
  sessions.destroy();
  server.close();
});

test("a peer that never says its settings is given up in time, and those who wait hear it", async () => {
  await using silent = await startBytes(() => undefined);
  const sessions = sessionsTo(silent.port);
  const errors = await Promise.all([placed(sessions), placed(sessions)]);
  assert.deepEqual(
    errors.map((error) => error?.message),
    ["it does not speak HTTP/2", "it does not speak HTTP/2"],
  );
  assert.equal(sessions.size, 0);
});
