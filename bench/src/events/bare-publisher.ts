import { randomUUID } from "node:crypto";
import { createInbox, headers, type MsgHdrs } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { REPLICA_HEADER, REPORT_TYPE } from "@patchbay/telemetry/report-events";
import { reportSubject } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";
import { encodeRest } from "../telemetry/reports.ts";
import { inWindow, type PublishTask, ROWS } from "./tasks.ts";

// The bare client: one subscription for all acknowledgements, nothing else. Its messages are byte for byte like the mesh's
// in length, CloudEvent headers and all, unless it is told to send the id alone.
interface Options {
  readonly natsUrl: string;
  readonly service: string;
  readonly sameHeaders: boolean;
}

const { natsUrl, service, sameHeaders } = childOptions<Options>();
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
const bootId = randomUUID();
const report = encodeRest(bootId, ROWS);
const subject = reportSubject("default", service);
let published = 0;
ready(undefined, (task) =>
  inWindow((task as PublishTask).events, () => {
    const number = ++published;
    const hdrs = sameHeaders ? cloudEvent(`${bootId}:${number}`) : headers();
    hdrs.set("Nats-Msg-Id", `default/${service}/${bootId}:${number}`);
    return new Promise<void>((resolve) => {
      waiting.set(number, resolve);
      nats.publish(subject, report, { reply: inbox + number, headers: hdrs });
    });
  }),
);

/** The headers that docs/events.md tells, set one by one as the client has it. */
function cloudEvent(id: string): MsgHdrs {
  const hdrs = headers();
  hdrs.set("ce-specversion", "1.0");
  hdrs.set("ce-id", id);
  hdrs.set("ce-source", `/mesh/proxies/default/${service}`);
  hdrs.set("ce-type", REPORT_TYPE);
  hdrs.set("ce-time", new Date().toISOString());
  hdrs.set("ce-subject", `default/${service}`);
  hdrs.set("content-type", "application/protobuf");
  hdrs.set(REPLICA_HEADER, "bench");
  return hdrs;
}
