import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Outlives a run of the tests: it has 100 MB. */
const kept = join(tmpdir(), "patchbay-tools", "prometheus");
const inPackage = join("usr", "bin", "promtool");

/** Prometheus's own checker: of PATH, downloaded before, or from Debian's package. Undefined, with the reason: it cannot be had. */
export async function findPromtool(): Promise<{ readonly path: string | undefined; readonly reason: string }> {
  for (const path of ["promtool", join(kept, inPackage)]) if (await works(path)) return { path, reason: "" };
  try {
    await download();
    return { path: join(kept, inPackage), reason: "" };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return { path: undefined, reason: `promtool is not installed and apt-get cannot download it: ${reason}` };
  }
}

async function works(path: string): Promise<boolean> {
  return await run(path, ["--version"]).then(
    () => true,
    () => false,
  );
}

/** Unpacks without installing, so that nobody has to be root. */
async function download(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "patchbay-prometheus-"));
  try {
    await run("apt-get", ["download", "prometheus"], { cwd: dir, timeout: 120_000 });
    const [file = ""] = readdirSync(dir);
    await run("dpkg-deb", ["-x", file, "unpacked"], { cwd: dir });
    mkdirSync(join(kept, ".."), { recursive: true });
    rmSync(kept, { recursive: true, force: true });
    renameSync(join(dir, "unpacked"), kept);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
