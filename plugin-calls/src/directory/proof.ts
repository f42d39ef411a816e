import type { Registration } from "@patchbay/proto/mesh/registry/v1/registry_pb";
import { hookToken } from "@patchbay/wire";

/** What the core presents to an instance of a plugin: as the registry says, or made from the key that both share. */
export function hookProof(key: Uint8Array, { hookToken: given, announce }: Registration): string {
  if (given !== "") return given;
  return announce === undefined ? "" : hookToken(key, announce);
}
