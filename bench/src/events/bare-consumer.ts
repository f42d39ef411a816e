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
const found = await jetstream(nats).consumers.get(stream, consumer);
await found.consume({
  max_messages: concurrency,
  callback(message) {
    if (decode) fromBinary(ReportSchema, message.data);
    message.ack();
    tally.count();
  },
});
ready(undefined, (task) => tally.reach((task as ConsumeTask).handled));
