import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { Policy } from "@patchbay/proto/mesh/policy/v1/policy_pb";
import { type Registration, WatchResponseSchema } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import {
  type App,
  createContext,
  createInProcessTransport,
  createTokenCheck,
  createViewTable,
  developmentSettings,
  readEnvironment,
  type Settings,
  serve,
} from "@patchbay/runtime";
import { temporaryDir } from "@patchbay/testkit";
import { type CallerKind, createTransport, mintToken, noLog } from "@patchbay/wire";
import { createPolicyApp } from "../../src/app.ts";

export const key = new Uint8Array(32).fill(5);

export interface RunningPolicy extends AsyncDisposable {
  readonly address: string;
  readonly app: App;
  readonly stateDir: string;
  readonly client: Client<typeof Policy>;
  /** Calls the app in its own process, as a proxy of "default/web". */
  readonly local: Transport;
  token(kind: CallerKind, workload?: string, instance?: string): string;
  /** Saves a resource file. */
  save(file: string, text: string): Promise<void>;
  /** What the registry says. */
  registry(registrations: readonly Registration[], removed?: readonly string[]): void;
  metric(name: string): Promise<number>;
}

export interface PolicyOptions {
  readonly settings?: Partial<Settings>;
  readonly files?: Readonly<Record<string, string>>;
  readonly registrations?: readonly Registration[];
  readonly defaultAuthorization?: "allow" | "deny";
  /** State folder of a service that ran before. */
  readonly stateDir?: string;
  /** Serves without having started. */
  readonly startLater?: true;
}

/** The service on a port of its own, with a registry that the test plays. */
export async function startPolicy(options: PolicyOptions = {}): Promise<RunningPolicy> {
  const stack = new AsyncDisposableStack();
  const stateDir = options.stateDir ?? stack.use(await temporaryDir()).path;
  const table = createViewTable();
  const registry = (changed: readonly Registration[], removed: readonly string[] = []): void =>
    table.apply(create(WatchResponseSchema, { complete: true, changed: [...changed], removed: [...removed] }));
  const environment = readEnvironment({
    MESH_STATE_DIR: stateDir,
    MESH_DEFAULT_AUTHORIZATION: options.defaultAuthorization ?? "allow",
  });
  const context = createContext({
    name: "policy",
    instance: "one",
    environment,
    key,
    registry: nobody,
    view: { ...table, ready: async () => undefined, stop: () => undefined },
    events: () => Promise.reject(new Error("no NATS in this test")),
    settings: { ...developmentSettings, ...options.settings },
    log: noLog,
  });
  stack.defer(() => context.close());
  registry(options.registrations ?? []);
  const { mkdir } = await import("node:fs/promises");
  await mkdir(environment.resourcesDir, { recursive: true });
  const save = (file: string, text: string): Promise<void> => writeFile(join(environment.resourcesDir, file), text);
  for (const [file, text] of Object.entries(options.files ?? {})) await save(file, text);
  const app = createPolicyApp(context);
  const check = createTokenCheck({ key });
  const metrics = () => context.metrics.metrics();
  const server = await serve({ apps: [app], check, log: noLog, metrics, drainMs: 100 });
  stack.defer(() => server.stop());
  stack.defer(() => app.stop());
  if (!options.startLater) await app.start();
  const token = (kind: CallerKind, workload = "default/web", instance = "one"): string => {
    const [namespace = "", name = ""] = workload.split("/");
    return mintToken(key, { kind, namespace, name, instance, expiresAt: Date.now() + 60_000 });
  };
  const transport = createTransport({ address: server.address, token: () => token("operator", "default/tester") });
  stack.defer(() => transport.close());
  return {
    address: server.address,
    app,
    stateDir,
    client: createClient(Policy, transport),
    local: createInProcessTransport({ app, check, token: () => token("proxy") }),
    token,
    save,
    registry,
    metric: async (name) => sumOf(await metrics(), name),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function sumOf(text: string, name: string): number {
  const lines = text.split("\n").filter((line) => line.startsWith(name));
  return lines.map((line) => Number(line.split(" ").at(-1))).reduce((sum, value) => sum + value, 0);
}

const nobody: Transport = {
  unary: () => Promise.reject(new Error("no registry in this test")),
  stream: () => Promise.reject(new Error("no registry in this test")),
};
