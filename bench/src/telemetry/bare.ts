import { createServer, type ServerHttp2Stream } from "node:http2";
import { createInbox, headers } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { envelope, readEnvelopes } from "@patchbay/runtime";
import { createReportDecoder } from "@patchbay/telemetry/report-decoder";
import { ReportTable } from "@patchbay/telemetry/report-table";
import { reportSubject } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";

// The raw limit: node:http2, the hand decoder, and a publication of the same bytes whose acknowledgements come to one
// subscription. No authentication, checks, aggregate, deadlines or limits.
const { natsUrl } = childOptions<{ natsUrl: string }>();
const nats = await connect({ servers: natsUrl, noAsyncTraces: true });
const inbox = `${createInbox()}.`;
const waiting = new Map<number, () => void>();
nats.subscribe(`${inbox}*`, {
  callback(_error, message) {
    const id = Number(message.subject.slice(inbox.length));
    waiting.get(id)?.();
    waiting.delete(id);
  },
});
const subject = reportSubject("default", "web");
const decode = createReportDecoder();
const table = new ReportTable();
let published = 0;

/** Field 1 of a ReportResponse: a varint. */
function answerOf(sequence: number): Uint8Array {
  const bytes = [0x08];
  let rest = sequence;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

/** Answers of one turn of the loop leave together, as in the service. */
function createAnswers(stream: ServerHttp2Stream): (sequence: number) => void {
  let answers: Buffer[] = [];
  return (sequence) => {
    if (answers.push(envelope(answerOf(sequence))) > 1) return;
    queueMicrotask(() => {
      stream.write(Buffer.concat(answers));
      answers = [];
    });
  };
}

/** Field 1 of a ReportRequest, as the load writes it: the report with its length in three bytes. */
const REQUEST_HEAD = 4;

const server = createServer();
server.on("stream", (stream) => {
  stream.respond({ ":status": 200, "content-type": "application/connect+proto" });
  stream.on("error", () => stream.destroy());
  const answer = createAnswers(stream);
  readEnvelopes(stream, {
    maxBytes: 1024 * 1024,
    onMessage(message) {
      const report = message.subarray(REQUEST_HEAD);
      decode(report, table);
      const { sequence, bootId } = table;
      const id = headers();
      id.set("Nats-Msg-Id", `${bootId}:${sequence}`);
      waiting.set(++published, () => answer(sequence));
      nats.publish(subject, report, { reply: inbox + published, headers: id });
    },
    onEnd: () => stream.end(),
    onError: () => stream.destroy(),
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  ready({ port: typeof address === "object" && address ? address.port : 0, token: "none" });
});
