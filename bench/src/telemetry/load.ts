import { randomUUID } from "node:crypto";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { ready } from "../harness.ts";
import { encodeRest, withSequence } from "./reports.ts";

/** A round of load: so many reports over 16 streams on 4 connections, 8 of a stream not yet answered. */
export interface LoadTask {
  readonly port: number;
  readonly token: string;
  readonly reports: number;
  readonly rows: number;
}

const CONNECTIONS = 4;
const STREAMS = 4;
const WINDOW = 8;

/** Length of the report in three bytes, so that the server's stand-in need not read it. */
function frame(report: Uint8Array): Buffer {
  const message = Buffer.alloc(9 + report.length);
  message.writeUInt32BE(4 + report.length, 1);
  message[5] = 0x0a;
  message[6] = (report.length & 0x7f) | 0x80;
  message[7] = ((report.length >> 7) & 0x7f) | 0x80;
  message[8] = report.length >> 14;
  message.set(report, 9);
  return message;
}

/** Answers carry a sequence of one to four bytes and nothing else. */
function countAnswers(chunk: Buffer, held: Buffer): { answers: number; held: Buffer } {
  const bytes = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
  let at = 0;
  let answers = 0;
  while (bytes.byteLength - at >= 5 && bytes.byteLength - at >= 5 + bytes.readUInt32BE(at + 1)) {
    const length = bytes.readUInt32BE(at + 1);
    if (bytes[at] !== 0 || length > 6) throw new Error(`not stored: ${bytes.subarray(at).toString()}`);
    answers++;
    at += 5 + length;
  }
  return { answers, held: bytes.subarray(at) };
}

function drive(stream: ClientHttp2Stream, { reports, rows }: LoadTask): Promise<void> {
  const rest = encodeRest(randomUUID(), rows);
  let sent = 0;
  let answered = 0;
  let held: Buffer = Buffer.alloc(0);
  const sendMore = (): void => {
    while (sent < reports && sent - answered < WINDOW) stream.write(frame(withSequence(rest, ++sent)));
  };
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", (chunk: Buffer) => {
      const counted = countAnswers(chunk, held);
      held = counted.held;
      answered += counted.answers;
      if (answered < reports) return sendMore();
      stream.close();
      resolve();
    });
    sendMore();
  });
}

ready(undefined, async (task) => {
  const asked = task as LoadTask; // from our own parent
  const sessions: ClientHttp2Session[] = Array.from({ length: CONNECTIONS }, () =>
    connect(`http://127.0.0.1:${asked.port}`),
  );
  const streams = sessions.flatMap((session) =>
    Array.from({ length: STREAMS }, () =>
      session.request({
        ":method": "POST",
        ":path": "/mesh.telemetry.v1.Telemetry/Report",
        "content-type": "application/connect+proto",
        authorization: `Bearer ${asked.token}`,
      }),
    ),
  );
  const share = { ...asked, reports: Math.ceil(asked.reports / streams.length) };
  const start = performance.now();
  await Promise.all(streams.map((stream) => drive(stream, share)));
  const seconds = (performance.now() - start) / 1_000;
  for (const session of sessions) session.destroy();
  return { seconds, reports: share.reports * streams.length };
});
