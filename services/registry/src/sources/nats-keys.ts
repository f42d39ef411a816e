import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createPrivateFile, ensureStateDir, isErrno } from "@patchbay/process";
import { createSeed, type NkeyKind, readSeed } from "@patchbay/wire";

/** A secret and what may be known of it. */
export interface SeedPair {
  readonly seed: string;
  readonly publicKey: string;
}

/** The keys of the mesh's NATS accounts. */
export interface NatsKeys {
  /** User of the core's account. */
  readonly core: SeedPair;
  /** User that answers the auth callout. */
  readonly callout: SeedPair;
  /** Account key that signs the callout's answers. */
  readonly issuer: SeedPair;
}

/** Where the seeds lie within a state folder. */
export function natsKeysDir(stateDir: string): string {
  return join(stateDir, "nats");
}

/** Reads the seeds of a state folder, and makes those that are missing (0600). Processes that start together agree on them. */
export async function loadNatsKeys(stateDir: string): Promise<NatsKeys> {
  await ensureStateDir(stateDir);
  const dir = natsKeysDir(stateDir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const [core, callout, issuer] = await Promise.all([
    loadSeed(join(dir, "core.seed"), "user"),
    loadSeed(join(dir, "callout.seed"), "user"),
    loadSeed(join(dir, "issuer.seed"), "account"),
  ]);
  return { core, callout, issuer };
}

async function loadSeed(path: string, kind: NkeyKind): Promise<SeedPair> {
  const seed = (await readSeedFile(path)) ?? (await makeSeedFile(path, kind));
  try {
    return { seed, publicKey: readSeed(seed).publicKey };
  } catch (error) {
    throw new Error(
      `${path}: it holds no NATS seed; remove it to get a new one, then restart the mesh and its nats-server`,
      {
        cause: error,
      },
    );
  }
}

async function makeSeedFile(path: string, kind: NkeyKind): Promise<string> {
  const { seed } = createSeed(kind);
  const first = await createPrivateFile(path, `${seed}\n`);
  return first ? seed : ((await readSeedFile(path)) ?? seed);
}

async function readSeedFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
