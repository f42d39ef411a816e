import { type ServiceRef, serviceHost, tryParseAuthority } from "@patchbay/model";

/** What a request asks for. */
export interface AskedName {
  /** In full and lower case, without its port. */
  readonly host: string;
  readonly port: number;
  /** Undefined: no service of the mesh. */
  readonly service: ServiceRef | undefined;
}

/** Undefined: not an authority. A single label is resolved in the client's namespace. */
export function readAuthority(text: string, clients?: string): AskedName | undefined {
  const authority = tryParseAuthority(text, clients);
  if (authority === undefined) return undefined;
  const { host, port, service } = authority;
  return { host: service === undefined ? host : serviceHost(service), port, service };
}
