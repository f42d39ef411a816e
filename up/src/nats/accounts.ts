import { natsConfig } from "@patchbay/registry/nats-config";
import { loadNatsKeys } from "@patchbay/registry/nats-keys";

/** The accounts that a nats-server of the user's own needs, as configuration to include. Holds public keys only. */
export async function natsAccounts(stateDir: string): Promise<string> {
  const { core, callout, issuer } = await loadNatsKeys(stateDir);
  return natsConfig({ coreUser: core.publicKey, calloutUser: callout.publicKey, issuer: issuer.publicKey });
}
