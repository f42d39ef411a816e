import { createServer, type ServerHttp2Session } from "node:http2";
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import type { NatsConnectionSchema } from "@patchbay/proto/mesh/registry/v1/plugin_pb";
import {
  type Announce,
  type Heartbeat,
  type RegisterRequest,
  type RegisterResponseSchema,
  Registry,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { hookToken, verifyToken } from "@patchbay/wire";

type Response = MessageInitShape<typeof RegisterResponseSchema>;
type Nats = MessageInitShape<typeof NatsConnectionSchema>;

export interface TestRegistryOptions {
  readonly key: Uint8Array;
  readonly config?: JsonObject;
  readonly nats?: () => Nats;
  readonly port?: number;
}

/** A registry over the real protocol that accepts whoever proves the name, and remembers what it was told. */
export interface TestRegistry extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly announcements: Announce[];
  readonly heartbeats: Heartbeat[];
  readonly drains: string[];
  /** Streams that are open. */
  open(): number;
  /** Says something to every caller. */
  say(message: Response["message"]): void;
  /** Breaks every connection. */
  cut(): void;
}

export async function startRegistry(options: TestRegistryOptions): Promise<TestRegistry> {
  const told = { announcements: [] as Announce[], heartbeats: [] as Heartbeat[], drains: [] as string[] };
  const callers = new Set<(response: Response) => void>();
  const sessions = new Set<ServerHttp2Session>();

  async function* register(requests: AsyncIterable<RegisterRequest>, authorization: string | null) {
    const claims = verifyToken(options.key, (authorization ?? "").replace("Bearer ", ""), Date.now());
    const queue: Response[] = [];
    let wake: () => void = () => undefined;
    let ended = false;
    const put = (response: Response) => {
      queue.push(response);
      wake();
    };
    const take = ({ message }: RegisterRequest) => {
      if (message.case === "announce") {
        if (message.value.name !== claims.name) throw new ConnectError("another name", Code.PermissionDenied);
        told.announcements.push(message.value);
        put({ message: { case: "accepted", value: accepted(options, message.value) } });
        put({ message: { case: "notice", value: { state: message.value.ready ? State.READY : State.STARTING } } });
      } else if (message.case === "heartbeat") {
        told.heartbeats.push(message.value);
        put({ message: { case: "ack", value: { sequence: message.value.sequence } } });
      } else if (message.case === "drain") {
        told.drains.push(message.value.reason);
        put({ message: { case: "notice", value: { state: State.DRAINING } } });
      }
    };
    callers.add(put);
    void (async () => {
      try {
        for await (const request of requests) take(request);
      } catch {
        // The caller went away.
      }
      ended = true;
      wake();
    })();
    try {
      while (!ended || queue.length > 0) {
        const next = queue.shift();
        if (next) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      callers.delete(put);
    }
  }

  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(Registry, {
          register: (requests, { requestHeader }) => register(requests, requestHeader.get("authorization")),
        }),
    }),
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((done) => server.listen(options.port ?? 0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const cut = () => {
    for (const session of sessions) session.destroy();
  };
  return {
    ...told,
    address: `http://127.0.0.1:${port}`,
    port,
    open: () => callers.size,
    say(message) {
      for (const put of callers) put(message ? { message } : {});
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

function accepted({ key, config, nats }: TestRegistryOptions, { name, instance, manifest }: Announce) {
  return {
    replica: "test",
    contract: 1,
    lease: durationFromMs(1_000),
    heartbeatInterval: durationFromMs(50),
    grant: {
      source: "development",
      hooks: manifest?.hooks ?? [],
      events: manifest?.events ?? [],
      ...(config && { config }),
    },
    ...(nats && { nats: nats() }),
    hookToken: hookToken(key, { namespace: "default", name, instance }),
  };
}
