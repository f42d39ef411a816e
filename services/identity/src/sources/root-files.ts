import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "@patchbay/model";
import { createPrivateFile, isErrno } from "@patchbay/process";
import { needsSuccessor, signs } from "../core/validity.ts";
import { createRoot, decodeRoot, encodeRoot, type Root } from "./root.ts";

/** The root that signs, and all that are to be trusted: during a change both the old and the new one. */
export interface Roots {
  readonly signing: Root;
  /** Newest first. */
  readonly trusted: readonly Root[];
}

export interface RootFilesOptions {
  /** Folder of "root-1.pem" and its successors; created 0700. */
  readonly dir: string;
  readonly trustDomain: string;
  readonly now: number;
  /** How long a successor is trusted before it signs, so that all workloads have fetched it. */
  readonly settleMs: number;
}

const FILE_NAME = /^root-(\d+)\.pem$/;

/**
 * Reads the roots, makes the first one, and begins the rotation to a successor when the newest one expires soon. Files are numbered and
 * never replaced, so that processes that begin the rotation together agree on one successor.
 */
export async function openRoots({ dir, trustDomain, now, settleMs }: RootFilesOptions): Promise<Roots> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const numbers = await numbersIn(dir);
  const alive = (await Promise.all(numbers.map((number) => readAlive(dir, number, now)))).filter(
    (root) => root !== undefined,
  );
  const [newest] = alive;
  if (!newest || needsSuccessor(notAfter(newest), now)) {
    const file = join(dir, `root-${(numbers[0] ?? 0) + 1}.pem`);
    await createPrivateFile(file, await encodeRoot(await createRoot(now, trustDomain)));
    alive.unshift(await readRoot(file));
  }
  const signing =
    alive.find(({ certificate }) => signs(certificate.notBefore.getTime(), now, settleMs)) ?? alive.at(-1);
  if (!signing) throw new Error(`${dir} holds no root, although one was just made`);
  return { signing, trusted: alive };
}

/** Newest first. */
async function numbersIn(dir: string): Promise<readonly number[]> {
  const matches = (await readdir(dir)).map((name) => FILE_NAME.exec(name)?.[1]);
  return matches
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => b - a);
}

/** Removes the file of an expired root. */
async function readAlive(dir: string, number: number, now: number): Promise<Root | undefined> {
  const file = join(dir, `root-${number}.pem`);
  try {
    const root = await readRoot(file);
    if (notAfter(root) > now) return root;
    await rm(file, { force: true });
  } catch (error) {
    // Another process removed it first.
    if (!isErrno(error, "ENOENT")) throw error;
  }
  return undefined;
}

async function readRoot(file: string): Promise<Root> {
  try {
    await refuseOthers(file);
    return await decodeRoot(await readFile(file, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw error;
    throw new Error(
      `${file} cannot be used: ${errorMessage(error)}. Repair it, or remove it to start with a new authority`,
      { cause: error },
    );
  }
}

/** A reader of the key can impersonate any workload in the mesh. */
async function refuseOthers(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0)
    throw new Error(`other users can read it (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file}`);
}

function notAfter({ certificate }: Root): number {
  return certificate.notAfter.getTime();
}
