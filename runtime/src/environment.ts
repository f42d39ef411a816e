import { join } from "node:path";
import { type DefaultAuthorization, type Profile, stateDir } from "@patchbay/process";

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
  /** Which settings shape the mesh in time. */
  readonly profile: Profile;
  /** All of them, for those that others define, such as OpenTelemetry's. Default: none. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

/** Reads the environment; throws with the variable's name when a value is not valid. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const dir = stateDir(env);
  return {
    stateDir: dir,
    resourcesDir: env.MESH_RESOURCES ?? join(dir, "resources"),
    registry: url("MESH_REGISTRY", env.MESH_REGISTRY),
    host: env.MESH_HOST ?? "127.0.0.1",
    port: portNumber("MESH_PORT", env.MESH_PORT),
    natsUrl: env.MESH_NATS_URL === "" ? undefined : env.MESH_NATS_URL,
    natsSeedFile: env.MESH_NATS_SEED_FILE ?? join(dir, "nats", "core.seed"),
    operatorToken: env.MESH_OPERATOR_TOKEN,
    logLevel: env.MESH_LOG_LEVEL ?? "info",
    defaultAuthorization: oneOf("MESH_DEFAULT_AUTHORIZATION", env.MESH_DEFAULT_AUTHORIZATION, ["allow", "deny"]),
    profile: oneOf("MESH_PROFILE", env.MESH_PROFILE, ["development", "cluster"]),
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
  if (text === undefined || text === "") return undefined;
  if (URL.canParse(text) && text.startsWith("http://")) return text.replace(/\/$/, "");
  throw new Error(`${name} must look like http://127.0.0.1:4140, not "${text}"`);
}

/** The first when nothing is set. */
function oneOf<Word extends string>(name: string, text: string | undefined, words: readonly [Word, ...Word[]]): Word {
  if (text === undefined || text === "") return words[0];
  const word = words.find((each) => each === text);
  if (word === undefined) throw new Error(`${name} must be ${words.join(" or ")}, not "${text}"`);
  return word;
}
