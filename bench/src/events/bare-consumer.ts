import { fromBinary } from "@bufbuild/protobuf";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { ReportSchema } from "@patchbay/proto/mesh/telemetry/v1/report_pb";
import { childOptions, ready } from "../harness.ts";
import { type ConsumeTask, createTally } from "./tasks.ts";

// The bare client: reads ahead as many as the plugin has in hand, and acknowledges.
interface Options {
  readonly natsUrl: string;
  readonly stream: string;
  readonly consumer: string;
  readonly concurrency: number;
  /** Also decodes the report with the generated code, as whoever reads it by hand has to. */
  readonly decode: boolean;
}

const { natsUrl, stream, consumer, concurrency, decode } = childOptions<Options>();
const nats = await connect({ servers: natsUrl, noAsyncTraces: true });
const tally = createTally();
let read = 0;
const found = await jetstream(nats).consumers.get(stream, consumer);
await found.consume({
  max_messages: concurrency,
  callback(message) {
    read += decode ? readRows(message.data) : message.data.length;
    message.ack();
    tally.count();
  },
});
ready(undefined, async (task) => {
  await tally.reach((task as ConsumeTask).handled);
  return read;
});

/** Something of each row, by hand: names are still indices, latencies still pairs. */
function readRows(data: Uint8Array): number {
  const { rows, strings } = fromBinary(ReportSchema, data);
  let sum = 0;
  for (const { target, count, latency } of rows) sum += (strings[target] ?? "").length + count + (latency.at(-1) ?? 0);
  return sum;
}
