import type { Transport } from "@connectrpc/connect";
import { createTransport } from "@patchbay/wire";
import type { App } from "./app.ts";
import type { TokenCheck } from "./auth.ts";
import { createInProcessTransport } from "./in-process.ts";
import { type TracerOf, traceCalls } from "./trace/rpc-traces.ts";

/** The registry's name among the services. In the same process it is called without a socket. */
export const REGISTRY = "registry";

interface CoreTransportsOptions {
  /** Services of this process. */
  readonly names: readonly string[];
  readonly check: TokenCheck;
  /** "http://host:port"; needed when the registry is not one of them. */
  readonly registryAddress: string | undefined;
  /** Makes spans of the calls that are answered here. */
  readonly tracerOf?: TracerOf;
}

/** How a service reaches the registry and the services of its own process. Each call carries the calling service's token. */
export interface CoreTransports {
  /** Makes a service of this process known to the others, once it is built. */
  add(app: App): void;
  registry(token: () => string): Transport;
  local(token: () => string): ReadonlyMap<string, Transport>;
  close(): void;
}

/** Throws when the registry is neither among `names` nor has an address. */
export function createCoreTransports(options: CoreTransportsOptions): CoreTransports {
  const { names, check, registryAddress, tracerOf } = options;
  const apps = new Map<string, App>();
  const remotes: { close(): void }[] = [];
  if (!names.includes(REGISTRY) && registryAddress === undefined) {
    throw new Error("where is the registry? Set MESH_REGISTRY=http://host:port, or start a whole mesh: mesh up");
  }
  const inProcess = (name: string, token: () => string): Transport =>
    later(() => {
      const app = apps.get(name);
      return app && createInProcessTransport({ app, check, token, tracerOf });
    }, name);
  return {
    add: (app) => void apps.set(app.name, app),
    registry(token) {
      if (names.includes(REGISTRY) || registryAddress === undefined) return inProcess(REGISTRY, token);
      const remote = createTransport({ address: registryAddress, token, interceptors: [traceCalls] });
      remotes.push(remote);
      return remote;
    },
    local: (token) => new Map(names.map((name) => [name, inProcess(name, token)])),
    close() {
      for (const remote of remotes) remote.close();
    },
  };
}

/** Makes the transport at the first call, since apps are built one after the other. */
function later(make: () => Transport | undefined, name: string): Transport {
  let made: Transport | undefined;
  const transport = (): Transport => {
    made ??= make();
    if (made) return made;
    throw new Error(`"${name}" is not composed yet`);
  };
  return {
    unary: async (...call) => await transport().unary(...call),
    stream: async (...call) => await transport().stream(...call),
  };
}
