import { join } from "node:path";
import { type DefaultAuthorization, stateDir } from "@patchbay/process";

/** What a process learns from its environment. Each variable has a default that works on a laptop. */
export interface Environment {
  readonly stateDir: string;
  readonly resourcesDir: string;
  /** "http://host:port" of the registry. Undefined: this process is the registry, or it is to be found in the run file. */
  readonly registry: string | undefined;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly natsUrl: string | undefined;
  /** File with the seed of the core's NATS user. */
  readonly natsSeedFile: string;
  readonly operatorToken: string | undefined;
  readonly logLevel: string;
  /** What happens to requests that no policy is about. */
  readonly defaultAuthorization: DefaultAuthorization;
  /** All of them, for those that others define, such as OpenTelemetry's. Default: none. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

/** Reads the environment; throws with the variable's name when a value cannot be meant. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const dir = stateDir(env);
  return {
    stateDir: dir,
    resourcesDir: env.MESH_RESOURCES ?? join(dir, "resources"),
    registry: url("MESH_REGISTRY", env.MESH_REGISTRY),
    host: env.MESH_HOST ?? "127.0.0.1",
    port: portNumber("MESH_PORT", env.MESH_PORT),
    natsUrl: env.MESH_NATS_URL,
    natsSeedFile: env.MESH_NATS_SEED_FILE ?? join(dir, "nats", "core.seed"),
    operatorToken: env.MESH_OPERATOR_TOKEN,
    logLevel: env.MESH_LOG_LEVEL ?? "info",
    defaultAuthorization: allowOrDeny("MESH_DEFAULT_AUTHORIZATION", env.MESH_DEFAULT_AUTHORIZATION),
    variables: env,
  };
}

function portNumber(name: string, text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`${name} must be a port from 0 to 65535, not "${text}"`);
}

function url(name: string, text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (URL.canParse(text) && text.startsWith("http://")) return text.replace(/\/$/, "");
  throw new Error(`${name} must look like http://127.0.0.1:4140, not "${text}"`);
}

function allowOrDeny(name: string, text: string | undefined): DefaultAuthorization {
  if (text === undefined || text === "") return "allow";
  if (text === "allow" || text === "deny") return text;
  throw new Error(`${name} must be allow or deny, not "${text}"`);
}
