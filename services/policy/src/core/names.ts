import { serviceHost } from "./kinds/targets.ts";

/** What a request asks for. */
export interface AskedName {
  /** In full and lower case, without its port. */
  readonly host: string;
  readonly port: number;
  /** Undefined: no service of the mesh. */
  readonly service: { readonly namespace: string; readonly name: string } | undefined;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Reads "users", "users:8080", "users.production", "users.production.svc.cluster.local:80"; undefined: none of these. */
export function readAuthority(text: string): AskedName | undefined {
  const [, written = "", digits] = /^([^:]+|\[[^\]]+\])(?::(\d{1,5}))?$/.exec(text.toLowerCase()) ?? [];
  const port = digits === undefined ? 80 : Number(digits);
  const name = written.endsWith(".") ? written.slice(0, -1) : written;
  if (name === "" || port < 1 || port > 65_535) return undefined;
  if (name.startsWith("[") || /^[\d.]+$/.test(name)) return { host: name, port, service: undefined };
  if (!name.split(".").every((part) => LABEL.test(part))) return undefined;
  const [, service, namespace = "default"] = /^([^.]+)(?:\.([^.]+)(?:\.svc(?:\.cluster\.local)?)?)?$/.exec(name) ?? [];
  if (service === undefined) return { host: name, port, service: undefined };
  return { host: serviceHost(namespace, service), port, service: { namespace, name: service } };
}

/** The SPIFFE ID of "web", "web.staging" or of itself; empty for no proof; undefined: none of these. */
export function readSource(text: string): string | undefined {
  if (text === "") return "";
  if (/^spiffe:\/\/[^/\s]+\/[^\s]+$/.test(text)) return text;
  const [, name, namespace = "default"] = /^([a-z0-9-]{1,63})(?:\.([a-z0-9-]{1,63}))?$/.exec(text) ?? [];
  return name === undefined ? undefined : `spiffe://cluster.local/ns/${namespace}/sa/${name}`;
}
