import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { percentile, ready } from "../harness.ts";

export interface LoadTask {
  readonly protocol: "http1" | "grpc";
  readonly port: number;
  /** Requests in flight at a time. */
  readonly concurrency: number;
  readonly ms: number;
}

export interface LoadResult {
  readonly requests: number;
  /** Those of the warm-up included. */
  readonly all: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Counts one round: each connection or stream sends its next request when the last one is answered. */
interface Round {
  readonly latencies: number[];
  failed: number;
  running: boolean;
}

const REQUEST = Buffer.from(
  "GET http://users/items/42?full=1 HTTP/1.1\r\nHost: users\r\nUser-Agent: bench\r\nAccept: */*\r\n" +
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
);

function startHttp1(port: number, round: Round): () => void {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let sentAt = 0;
  let received: Buffer = Buffer.alloc(0);
  const send = (): void => {
    sentAt = performance.now();
    socket.write(REQUEST);
  };
  socket.on("connect", send);
  socket.on("error", () => {
    round.failed += 1;
  });
  socket.on("data", (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = received.toString("latin1", 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    if (received.length < end + 4 + length) return;
    received = Buffer.alloc(0);
    if (!head.startsWith("HTTP/1.1 200")) round.failed += 1;
    round.latencies.push(performance.now() - sentAt);
    if (round.running) send();
  });
  return () => socket.destroy();
}

const MESSAGE = Buffer.concat([Buffer.of(0, 0, 0, 0, 20), Buffer.alloc(20, 1)]);

function startGrpc(port: number, round: Round, concurrency: number): () => void {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => {
    round.failed += 1;
  });
  const send = (): void => {
    const sentAt = performance.now();
    const stream = session.request({
      ":method": "POST",
      ":path": "/demo.Users/Get",
      ":authority": "users",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let status = "";
    stream.once("trailers", (fields) => {
      status = String(fields["grpc-status"]);
    });
    stream.on("error", () => undefined);
    stream.once("close", () => {
      if (status !== "0") round.failed += 1;
      round.latencies.push(performance.now() - sentAt);
      if (round.running) send();
    });
    stream.resume();
    stream.end(MESSAGE);
  };
  session.once("connect", () => {
    for (let i = 0; i < concurrency; i += 1) send();
  });
  return () => session.destroy();
}

ready(undefined, async (message) => {
  const { protocol, port, concurrency, ms } = message as LoadTask;
  const round: Round = { latencies: [], failed: 0, running: true };
  const stops =
    protocol === "http1"
      ? Array.from({ length: concurrency }, () => startHttp1(port, round))
      : [startGrpc(port, round, concurrency)];
  // The first fifth warms up connections and code.
  await new Promise((resolve) => setTimeout(resolve, ms / 5));
  const warmedUp = round.latencies.length;
  round.latencies.length = 0;
  round.failed = 0;
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const seconds = (performance.now() - startedAt) / 1_000;
  round.running = false;
  const sorted = Float64Array.from(round.latencies).sort();
  for (const stop of stops) stop();
  const requests = sorted.length;
  return {
    requests,
    all: requests + warmedUp,
    failed: round.failed,
    perSecond: requests / seconds,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  } satisfies LoadResult;
});
