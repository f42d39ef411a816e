import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats as startServer } from "@patchbay/testkit";
import { natsConfig } from "../../src/sources/nats-config.ts";
import { loadNatsKeys, type NatsKeys } from "../../src/sources/nats-keys.ts";

export interface TestNats {
  readonly url: string;
  readonly keys: NatsKeys;
  readonly stateDir: string;
  /** Ends it by a signal, and starts it again on the same port with the same store. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A nats-server with the accounts of the mesh, on a free port. */
export async function startNats(options: { readonly newAcks?: boolean } = {}): Promise<TestNats> {
  const stateDir = await mkdtemp(join(tmpdir(), "patchbay-registry-"));
  const keys = await loadNatsKeys(stateDir);
  const { core, callout, issuer } = keys;
  const users = { coreUser: core.publicKey, calloutUser: callout.publicKey, issuer: issuer.publicKey };
  const server = await startServer(natsConfig({ ...users, ...options, storeDir: join(stateDir, "jetstream") }));
  return {
    url: server.url,
    keys,
    stateDir,
    async restart() {
      await server.kill();
      await server.restart();
    },
    async stop() {
      await server.stop();
      await rm(stateDir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
