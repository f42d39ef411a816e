import { type Client, createClient } from "@connectrpc/connect";
import { Destination } from "@patchbay/proto/mesh/destination/v1/destination_pb";
import { type RunningService, type StartServiceOptions, startService } from "@patchbay/testkit";
import { createDestinationApp } from "../../src/app.ts";

export interface RunningDestination extends RunningService {
  /** Calls as an operator. */
  readonly client: Client<typeof Destination>;
}

/** The service on a free port, with a registry that the test plays. */
export async function startDestination(options: StartServiceOptions = {}): Promise<RunningDestination> {
  const settings = { lingerMs: 50, ...options.settings };
  const service = await startService("destination", createDestinationApp, { ...options, settings });
  return { ...service, client: createClient(Destination, service.as({ kind: "operator" })) };
}
