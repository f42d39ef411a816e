import { create } from "@bufbuild/protobuf";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import { Kind, RegistrationSchema, WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { lazyEvents } from "@patchbay/runtime";
import { type RunningService, startService } from "@patchbay/testkit";
import { connectEvents, ensureStream, noLog, STREAM_SUBJECTS, STREAMS } from "@patchbay/wire";
import { createTelemetryApp } from "../../src/app.ts";

/** Creates the stream as the registry does. */
export async function createStream(url: string): Promise<void> {
  const bus = await connectEvents({ servers: url, name: "registry", log: noLog });
  await ensureStream(bus.admin(), {
    name: STREAMS.report,
    subjects: STREAM_SUBJECTS[STREAMS.report],
    maxBytes: 256 * 1024 * 1024,
    maxAgeMs: 3_600_000,
    discard: "old",
  });
  await bus.close();
}

export interface RunningTelemetry extends RunningService {
  readonly instance: string;
  /** Tells this replica of others by instance and address, as the registry would. */
  meet(others: readonly { readonly instance: string; readonly address: string }[]): void;
}

let count = 0;

/** The real service on a port of its own, with a registry's view that the test fills. */
export async function startTelemetry(
  natsUrl: string,
  options: { instance?: string; port?: number } = {},
): Promise<RunningTelemetry> {
  const instance = options.instance ?? `replica-${++count}`;
  const { events, close } = lazyEvents(() => connectEvents({ servers: natsUrl, name: instance, log: noLog }));
  const service = await startService("telemetry", createTelemetryApp, { ...options, instance, events });
  const stop = async (): Promise<void> => {
    await service.stop();
    await close();
  };
  return {
    ...service,
    instance,
    meet(others) {
      const changed = others.map((other) =>
        create(RegistrationSchema, {
          id: `core/default/telemetry/${other.instance}`,
          state: State.READY,
          announce: { kind: Kind.CORE, name: "telemetry", ...other, address: other.address.replace("http://", "") },
        }),
      );
      service.registry(create(WatchResponseSchema, { complete: true, reset: true, changed }));
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
