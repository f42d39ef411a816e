import { mkdir, readFile, writeFile } from "node:fs/promises";
import { ensureStateDir, StateError } from "@patchbay/process";
import { type Layout, STATE_FORMAT } from "./layout.ts";

/** Creates the state folder and its rooms, private to this user. Throws StateError when a newer version wrote it. */
export async function prepareState(paths: Layout): Promise<void> {
  await ensureStateDir(paths.dir);
  const found = await readFile(paths.format, "utf8").catch(() => undefined);
  if (found !== undefined && Number(found) > STATE_FORMAT) {
    throw new StateError(
      `${paths.dir} has format ${found.trim()}, and this version knows format ${STATE_FORMAT}: ` +
        "use the newer version, or remove the folder with its `mesh clean`",
    );
  }
  for (const dir of [paths.bin, paths.logs, paths.tools, paths.nats, paths.resources]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  }
  if (found === undefined) await writeFile(paths.format, `${STATE_FORMAT}\n`, { mode: 0o600 });
}
