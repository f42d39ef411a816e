import { randomUUID } from "node:crypto";
import { createInbox, headers } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { reportSubject } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";
import { encodeRest } from "../telemetry/reports.ts";
import { inWindow, type PublishTask, ROWS } from "./tasks.ts";

// The bare client: one subscription for all acknowledgements, nothing else.
const { natsUrl, service } = childOptions<{ natsUrl: string; service: string }>();
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
    const id = headers();
    id.set("Nats-Msg-Id", `${bootId}:${number}`);
    return new Promise<void>((resolve) => {
      waiting.set(number, resolve);
      nats.publish(subject, report, { reply: inbox + number, headers: id });
    });
  }),
);
