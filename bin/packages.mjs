import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withFileLock } from "../process/src/file-lock.mjs";
import { capture, lastLines } from "./lib/capture.mjs";
import { SetupError } from "./lib/setup-error.mjs";
import { toolsDir } from "./lib/tools-dir.mjs";

/** What running the mesh needs; what building and checking it needs on top. */
export const modes = /** @type {const} */ (["runtime", "development"]);

/**
 * Makes sure that node_modules fits package-lock.json. A stamp makes the warm case one file read; without a stamp
 * the folder is compared with the lock, so that an install by hand is accepted as it is.
 * Throws SetupError with npm's last lines.
 */
export async function ensurePackages({ root, mode, progress, env = process.env, npm = "npm" }) {
  if (isStamped(root, mode)) return;
  const lockFile = join(toolsDir(env), `install-${digest(root).slice(0, 12)}.lock`);
  await withFileLock(
    lockFile,
    async () => {
      if (isStamped(root, mode)) return;
      if (!fits(root, mode)) await install({ root, mode, progress, env, npm });
      stamp(root, mode);
    },
    { onWait: (pid) => process.stderr.write(`Waiting for process ${pid}, which installs packages …\n`) },
  );
}

async function install({ root, mode, progress, env, npm }) {
  const label = `Installing packages (${mode === "development" ? "with development tools" : "runtime only"})`;
  await progress.step(label, async () => {
    // `npm ci` empties node_modules, under the feet of a mesh that runs from it; so only when no install was ever finished here.
    const finishedOnce = existsSync(stampPath(root));
    if (finishedOnce) await runNpm(["install", "--no-save"], { root, mode, env, npm });
    // npm believes its own notes about what is there. After an install that was interrupted they are wrong.
    if (!finishedOnce || !fits(root, mode)) await runNpm(["ci"], { root, mode, env, npm });
  });
}

async function runNpm(how, { root, mode, env, npm }) {
  const only = mode === "development" ? "--include=dev" : "--omit=dev";
  // No package that we use needs its install script: their binaries are packages of their own.
  const args = [...how, only, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { code, output } = await capture(npm, args, { cwd: root, env: npmEnv(env), timeoutMs: 600_000 });
  if (code === 0) return;
  const why = code === undefined ? "could not be run or took over 10 minutes" : `ended with code ${code}`;
  throw new SetupError(
    `Packages could not be installed: \`npm ${args.join(" ")}\` ${why}.\n\n${lastLines(output)}\n\n` +
      `Try it by hand in ${root}; with a broken node_modules, remove that folder first.`,
  );
}

/** npm started from an npm script must not take over the outer one's settings for this command. */
function npmEnv(env) {
  const inherited = Object.entries(env).filter(
    ([name]) => !/^npm_(config_(omit|include|production)|command|lifecycle)/i.test(name),
  );
  return { ...Object.fromEntries(inherited), NODE_ENV: "" };
}

function stampPath(root) {
  return join(root, "node_modules", ".patchbay-stamp");
}

function stampText(root, mode) {
  return `${mode} ${process.platform}-${process.arch} ${digest(readFileSync(join(root, "package-lock.json")))}\n`;
}

function isStamped(root, mode) {
  const path = stampPath(root);
  if (!existsSync(path)) return false;
  const found = readFileSync(path, "utf8");
  // A development install has everything that running needs.
  return modes.slice(modes.indexOf(mode)).some((enough) => found === stampText(root, enough));
}

function stamp(root, mode) {
  writeFileSync(stampPath(root), stampText(root, mode));
}

/** Whether every package of the lock that this mode needs is there in the lock's version. */
function fits(root, mode) {
  const installedLock = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedLock, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith("node_modules/") || entry.optional || entry.devOptional) return true;
    if (entry.dev && mode === "runtime") return true;
    const found = installed[path];
    return found !== undefined && found.version === entry.version && existsSync(join(root, path, "package.json"));
  });
}

function digest(data) {
  return createHash("sha256").update(data).digest("hex");
}
