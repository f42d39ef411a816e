import { parseLocalPort } from "../core/local-port.ts";
import { isServiceName } from "../core/program-name.ts";
import type { SidecarOptions } from "../sidecar.ts";

/** Configuration of a sidecar process by its environment. */
export interface SidecarEnvironment {
  readonly name: string;
  readonly sidecar: Pick<SidecarOptions, "name" | "namespace" | "app" | "outboundPort" | "inbound" | "listens">;
  /** Path to ask when no supervisor tells whether the program is ready. */
  readonly health: string | undefined;
  /** A supervisor speaks on standard input and listens on standard output. */
  readonly controlled: boolean;
}

/**
 * Variables: MESH_SERVICE (name), MESH_NAMESPACE, MESH_APP_PORT (absent: the program only calls), MESH_OUTBOUND_PORT,
 * MESH_INBOUND_PORT (0: a free one), MESH_LISTEN ("5432=postgres:5432 …", separated by blanks), MESH_HEALTH (path),
 * MESH_CONTROL=stdio.
 *
 * @throws Error that names the variable.
 */
export function readSidecarEnvironment(env: NodeJS.ProcessEnv): SidecarEnvironment {
  const name = env["MESH_SERVICE"] ?? "";
  if (!isServiceName(name)) throw new Error(`MESH_SERVICE must be a DNS label such as "users", not "${name}"`);
  const appPort = portOf(env, "MESH_APP_PORT");
  const inboundPort = portOf(env, "MESH_INBOUND_PORT") ?? 0;
  return {
    name,
    sidecar: {
      name,
      namespace: textOf(env, "MESH_NAMESPACE") ?? "default",
      outboundPort: portOf(env, "MESH_OUTBOUND_PORT") ?? 0,
      listens: (env["MESH_LISTEN"] ?? "").split(/\s+/).filter(Boolean).map(localPort),
      ...(appPort === undefined
        ? {}
        : { app: { host: "127.0.0.1", port: appPort }, inbound: { host: "127.0.0.1", port: inboundPort } }),
    },
    health: textOf(env, "MESH_HEALTH"),
    controlled: env["MESH_CONTROL"] === "stdio",
  };
}

/** Undefined also for a variable that is set, but empty. */
function textOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function portOf(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = textOf(env, name);
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`${name} must be a port from 0 to 65535, not "${text}"`);
}

function localPort(text: string) {
  const parsed = parseLocalPort(text);
  if (parsed === undefined) throw new Error(`MESH_LISTEN must look like 5432=postgres:5432, not "${text}"`);
  return parsed;
}
