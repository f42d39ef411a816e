import { createServer } from "node:http2";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { NatsConnectionSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import { type Announce, type RegisterRequest, Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";

interface PlayedRegistry extends AsyncDisposable {
  readonly address: string;
}

/** Plays the registry for one plugin: accepts it, and tells it where its events are. */
export async function playRegistry(nats: MessageInitShape<typeof NatsConnectionSchema>): Promise<PlayedRegistry> {
  async function* register(requests: AsyncIterable<RegisterRequest>) {
    for await (const { message } of requests) {
      if (message.case === "announce") yield { message: { case: "accepted" as const, value: accepted(message.value) } };
      if (message.case === "heartbeat") {
        yield { message: { case: "ack" as const, value: { sequence: message.value.sequence } } };
      }
    }
  }
  const accepted = ({ manifest }: Announce) => ({
    replica: "bench",
    contract: 1,
    lease: durationFromMs(60_000),
    heartbeatInterval: durationFromMs(5_000),
    grant: { source: "development", events: manifest?.events ?? [] },
    nats,
    hookToken: "none",
  });
  const server = createServer(connectNodeAdapter({ routes: (router) => router.service(Registry, { register }) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    address: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
