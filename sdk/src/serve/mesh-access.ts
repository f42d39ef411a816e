import { Code, ConnectError } from "@connectrpc/connect";
import { DEFAULT_NAMESPACE, isRecord } from "@patchbay/model";
import { readDevelopmentKey, readRunFile, stateDir } from "@patchbay/process";
import { createTokenSource, newInstanceId } from "@patchbay/wire";

/** Where the registry is and how the plugin proves itself there. */
export interface MeshAccess {
  readonly namespace: string;
  readonly instance: string;
  /** The registry's current address. Rejects with the reason when there is none. */
  locate(): Promise<string>;
  token(): string;
}

/** What was said about the mesh; the environment fills the rest. */
export interface AccessOptions {
  readonly name: string;
  readonly registry: string | undefined;
  readonly token: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * From options and environment: a token that was given proves the plugin; otherwise one is made from this machine's
 * development key. Without an address the mesh that this user runs is looked up at each connection.
 */
export async function openAccess({ name, registry, token, env }: AccessOptions): Promise<MeshAccess> {
  const address = registry ?? env.MESH_REGISTRY ?? "";
  const given = token ?? env.MESH_PLUGIN_TOKEN ?? "";
  const dir = stateDir(env);
  const locate = address === "" ? () => locateRunning(dir) : async () => address;
  if (given !== "") return { ...claimsOf(given), locate, token: () => given };
  const instance = newInstanceId();
  const key = await readDevelopmentKey(dir);
  const source = createTokenSource(key, { kind: "plugin", namespace: DEFAULT_NAMESPACE, name, instance });
  return { namespace: DEFAULT_NAMESPACE, instance, locate, token: source };
}

/** Where to listen, as the environment says: by default at any free port of this machine alone. */
export function bindFrom({ MESH_HOST = "127.0.0.1", MESH_PORT = "0" }: NodeJS.ProcessEnv): {
  host: string;
  port: number;
} {
  const port = Number(MESH_PORT);
  return { host: MESH_HOST, port: Number.isNaN(port) ? 0 : port };
}

async function locateRunning(dir: string): Promise<string> {
  const run = await readRunFile(dir);
  if (run) return run.address;
  const hint = "Start one with `mesh up`, or `npm start` in Patchbay's folder; this plugin joins it by itself";
  throw new ConnectError(`no mesh is running here. ${hint}`, Code.Unavailable);
}

/** A token names the instance that it proves; the registry checks it, so it need not be checked here. */
function claimsOf(token: string): { namespace: string; instance: string } {
  const claims = readPayload(token);
  const namespace = typeof claims.ns === "string" ? claims.ns : DEFAULT_NAMESPACE;
  return { namespace, instance: typeof claims.i === "string" ? claims.i : newInstanceId() };
}

function readPayload(token: string): Readonly<Record<string, unknown>> {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return isRecord(payload) ? payload : {};
  } catch {
    return {};
  }
}
