import { startNats } from "@patchbay/testkit";
import { connectEvents, type EventBus, ensureStream, noLog, STREAM_SUBJECTS, STREAMS } from "@patchbay/wire";

export interface BenchNats extends AsyncDisposable {
  readonly url: string;
  readonly bus: EventBus;
}

/** A nats-server of the bench's own with the stream of reports as the registry makes it. */
export async function startBenchNats(): Promise<BenchNats> {
  const nats = await startNats();
  const bus = await connectEvents({ servers: nats.url, name: "bench", log: noLog });
  const subjects = STREAM_SUBJECTS[STREAMS.report];
  await ensureStream(bus.admin(), {
    name: STREAMS.report,
    subjects,
    maxBytes: 1024 ** 3,
    maxAgeMs: 3_600_000,
    discard: "old",
  });
  return {
    url: nats.url,
    bus,
    async [Symbol.asyncDispose]() {
      await bus.close();
      await nats.stop();
    },
  };
}
