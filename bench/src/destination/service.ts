import { create } from "@bufbuild/protobuf";
import { createDestinationApp } from "@patchbay/destination";
import { State } from "@patchbay/proto/mesh/common/v1/state_pb";
import {
  Kind,
  type Registration,
  RegistrationSchema,
  WatchResponseSchema,
} from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  createContext,
  createTokenCheck,
  createViewTable,
  developmentSettings,
  readEnvironment,
  serve,
} from "@patchbay/runtime";
import { mintToken, noLog } from "@patchbay/wire";
import { childOptions, ready } from "../harness.ts";
import { residentBytes } from "./memory.ts";
import { monotonicNow, type ServerTask } from "./tasks.ts";

// The service as it runs in a mesh: chain, plugin links, raw streams, authentication; only the registry is played.
const { stateDir } = childOptions<{ stateDir: string }>();
const key = new Uint8Array(32).fill(5);
const table = createViewTable();
const context = createContext({
  name: "destination",
  instance: "bench",
  environment: readEnvironment({ MESH_STATE_DIR: stateDir }),
  key,
  registry: {
    unary: () => Promise.reject(new Error("no registry")),
    stream: () => Promise.reject(new Error("no registry")),
  },
  view: { ...table, ready: async () => undefined, stop: () => undefined },
  events: () => Promise.reject(new Error("no NATS")),
  // Changes of 10 ms travel together; here each is to be timed from the moment at which it goes out.
  settings: { ...developmentSettings, coalesceMs: 0, maxWatchesPerClient: 1_000_000 },
  log: noLog,
});

function endpoint(index: number, port: number): Registration {
  return create(RegistrationSchema, {
    id: `proxy/default/users/i${index}`,
    state: State.READY,
    announce: {
      kind: Kind.PROXY,
      name: "users",
      namespace: "default",
      instance: `i${index}`,
      workload: { service: "users", ready: true, endpoint: { address: "127.0.0.1", port, zone: "a" } },
    },
  });
}

const six = Array.from({ length: 6 }, (_, index) => endpoint(index, 20_000 + index));
table.apply(create(WatchResponseSchema, { reset: true, complete: true, changed: six }));
const app = createDestinationApp(context);
const check = createTokenCheck({ key });
const server = await serve({ apps: [app], check, log: noLog, metrics: () => context.metrics.metrics(), drainMs: 100 });
await app.start();

const claims = {
  kind: "proxy",
  namespace: "default",
  name: "web",
  instance: "one",
  expiresAt: Date.now() + 3_600_000,
} as const;
ready({ port: server.port, token: mintToken(key, claims) }, async (task) => {
  const asked = task as ServerTask; // from our own parent
  if (asked.kind === "memory") return residentBytes();
  const at = monotonicNow();
  table.apply(
    create(WatchResponseSchema, { complete: true, changed: [endpoint(0, 30_000 + (asked.sequence % 1_000))] }),
  );
  return at;
});
