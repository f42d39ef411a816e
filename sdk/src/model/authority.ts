import { tryParseAuthority } from "@patchbay/model";
import type { Authority } from "../public/authority.ts";

/** Reads an authority by the mesh's own grammar. Undefined when it cannot be one. */
export function parseAuthority(text: string): Authority | undefined {
  const parsed = tryParseAuthority(text);
  if (parsed === undefined) return undefined;
  const { key, port, shortHost, service, kind } = parsed;
  return {
    host: shortHost,
    port,
    name: service?.name ?? shortHost,
    namespace: service?.namespace ?? "",
    kind,
    full: key,
  };
}
