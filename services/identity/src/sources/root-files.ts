import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createPrivateFile, errorMessage, isErrno, replacePrivateFile } from "@patchbay/wire";
import { needsSuccessor } from "../core/validity.ts";
import { createRoot, decodeRoot, encodeRoot, type Root } from "./root.ts";

/** The root that signs, and all that are to be trusted: during a change the one before, too. */
export interface Roots {
  readonly signing: Root;
  readonly trusted: readonly Root[];
}

export interface RootFilesOptions {
  /** Folder of "ca.pem" and, during a change, "previous-ca.pem"; created 0700. */
  readonly dir: string;
  readonly trustDomain: string;
  readonly now: number;
}

/** Reads the roots, makes the first one, and begins the change to a new one when the old one ends soon. */
export async function openRoots({ dir, trustDomain, now }: RootFilesOptions): Promise<Roots> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, "ca.pem");
  const previousFile = join(dir, "previous-ca.pem");
  // Two processes may start together: one creates, both read the same.
  if (!(await readRoot(file))) await createPrivateFile(file, await encodeRoot(await createRoot(now, trustDomain)));
  const current = await readRoot(file);
  if (!current) throw new Error(`${file} vanished while it was being read`);
  if (!needsSuccessor(notAfter(current), now))
    return { signing: current, trusted: [current, ...(await alive(previousFile, now))] };
  const next = await createRoot(now, trustDomain);
  await replacePrivateFile(previousFile, await encodeRoot(current));
  await replacePrivateFile(file, await encodeRoot(next));
  return { signing: next, trusted: [next, current] };
}

async function readRoot(file: string): Promise<Root | undefined> {
  try {
    await refuseOthers(file);
    return await decodeRoot(await readFile(file, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw new Error(
      `${file} cannot be used: ${errorMessage(error)}. Repair it, or remove it to start with a new authority`,
      { cause: error },
    );
  }
}

/** Whoever can read the key can be anybody in the mesh. */
async function refuseOthers(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0)
    throw new Error(`other users can read it (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file}`);
}

async function alive(file: string, now: number): Promise<readonly Root[]> {
  const root = await readRoot(file);
  return root && notAfter(root) > now ? [root] : [];
}

function notAfter({ certificate }: Root): number {
  return certificate.notAfter.getTime();
}
