import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { Registry } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { type Composition, compose, developmentSettings, type Settings } from "@patchbay/runtime";
import { TEST_KEY, type TestCaller, transportAs } from "@patchbay/testkit";
import { type ClosableTransport, noLog } from "@patchbay/wire";
import { createRegistryApp, loadNatsKeys, type RegistryOptions } from "../../src/app.ts";
import type { TestNats } from "./nats-server.ts";

export interface TestRegistry extends AsyncDisposable {
  readonly address: string;
  readonly composition: Composition;
  readonly resourcesDir: string;
  /** A transport that proves this caller; closed with the registry. */
  as(who: TestCaller): ClosableTransport;
  client(who: TestCaller): ReturnType<typeof createClient<typeof Registry>>;
  stop(): Promise<void>;
}

export interface TestRegistryOptions extends RegistryOptions {
  readonly server?: TestNats;
  readonly settings?: Partial<Settings>;
  /** Where nobody listens. */
  readonly natsUrl?: string;
}

/** A registry as it runs, on a free port, with short leases. */
export async function startRegistry(wanted: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { server, settings, natsUrl = server?.url, ...options } = wanted;
  const stateDir = server?.stateDir ?? (await mkdtemp(join(tmpdir(), "patchbay-registry-")));
  const resourcesDir = await mkdtemp(join(tmpdir(), "patchbay-resources-"));
  if (natsUrl) await loadNatsKeys(stateDir);
  const nats = server && { servers: [server.url], keys: server.keys };
  const composition = await compose({
    services: new Map([["registry", (context) => createRegistryApp(context, { nats, ...options })]]),
    environment: {
      stateDir,
      resourcesDir,
      registry: undefined,
      host: "127.0.0.1",
      port: 0,
      natsUrl,
      natsSeedFile: join(stateDir, "nats", "core.seed"),
      operatorToken: undefined,
      logLevel: "silent",
      defaultAuthorization: "allow",
      profile: "development",
    },
    key: TEST_KEY,
    settings: { ...developmentSettings, leaseMs: 600, heartbeatMs: 200, ...settings },
    log: noLog,
  });
  const transports: ClosableTransport[] = [];
  const as = (who: TestCaller): ClosableTransport => {
    const transport = transportAs(composition.address, who);
    transports.push(transport);
    return transport;
  };
  const stop = async (): Promise<void> => {
    for (const transport of transports) transport.close();
    await composition.stop();
    await rm(resourcesDir, { recursive: true, force: true });
    if (!server) await rm(stateDir, { recursive: true, force: true });
  };
  return {
    address: composition.address,
    composition,
    resourcesDir,
    as,
    client: (who) => createClient(Registry, as(who)),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
